"""All rules of ``check``, in the order in which they report and fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rules import (
    gl1xx_gl2xx_gru_attributes,
    gl109_sequence_lens_type,
    gl315_infinite_masks,
    gl701_gl706_target,
    gl711_torch_linear_before_reset,
    gl712_baked_sequence_length,
    gl713_frozen_state,
    gl714_weights_as_inputs,
    gl715_missing_rbh,
    gl716_unused_grus,
    gl717_duplicate_grus,
    gl721_layout,
    gl722_hidden_size,
    gl723_gl724_execution_providers,
    gl725_scan_outputs,
    gl731_gl732_fusable_grus,
    gl733_node_order,
    gl734_undefined_values,
    gl735_fixed_state_batch,
    gl736_batch_in_time,
    gl737_unread_lengths,
    gl738_gl739_declared_outputs,
    gl740_type_clashes,
    gl741_unknown_operators,
    gl742_states_read_inside,
    gl743_attributes_of_older_opsets,
)

if TYPE_CHECKING:
    from gru_lower.checking.rule import Rule

RULES: tuple[Rule, ...] = (
    *gl733_node_order.RULES,
    *gl734_undefined_values.RULES,
    *gl741_unknown_operators.RULES,
    *gl743_attributes_of_older_opsets.RULES,
    *gl740_type_clashes.RULES,
    *gl1xx_gl2xx_gru_attributes.RULES,
    *gl109_sequence_lens_type.RULES,
    *gl722_hidden_size.RULES,
    *gl721_layout.RULES,
    *gl711_torch_linear_before_reset.RULES,
    *gl725_scan_outputs.RULES,
    *gl712_baked_sequence_length.RULES,
    *gl713_frozen_state.RULES,
    *gl714_weights_as_inputs.RULES,
    *gl715_missing_rbh.RULES,
    *gl315_infinite_masks.RULES,
    *gl716_unused_grus.RULES,
    *gl717_duplicate_grus.RULES,
    *gl723_gl724_execution_providers.RULES,
    *gl735_fixed_state_batch.RULES,
    *gl736_batch_in_time.RULES,
    *gl737_unread_lengths.RULES,
    *gl738_gl739_declared_outputs.RULES,
    *gl742_states_read_inside.RULES,
    *gl731_gl732_fusable_grus.RULES,
    *gl701_gl706_target.RULES,
)
