"""Why a recurrence is no GRU, in sentences that are true of it."""
