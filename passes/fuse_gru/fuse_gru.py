"""The pass ``fuse-gru``."""

from __future__ import annotations

import gc
from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import InternalError
from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.graph import splice
from gru_lower.graph.external_data import fits_a_message
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scan_outputs import corrupted_outputs
from gru_lower.graph.scopes import count_nodes, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.fuse_gru.algebra.errors import READING_FAILS
from gru_lower.passes.fuse_gru.interpreter.interpret_model import interpret_scopes
from gru_lower.passes.fuse_gru.loops.fission import split_loops
from gru_lower.passes.fuse_gru.loops.hoisting import hoist_inputs
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra
from gru_lower.passes.fuse_gru.loops.loop_parts import has_loops
from gru_lower.passes.fuse_gru.reasons.integer_sites import sites_of_integers
from gru_lower.passes.fuse_gru.recognition.empty_axes import EMPTY, what_was_taken
from gru_lower.passes.fuse_gru.recognition.find_recurrences import find_recurrences
from gru_lower.passes.fuse_gru.recognition.inner_scopes import RemovedScopes, read_by_inner_grus
from gru_lower.passes.fuse_gru.recognition.may_recur import may_recur
from gru_lower.passes.fuse_gru.unpacking.unpack_scans import MOST_WIDTHS, has_scans, unpack_scans
from gru_lower.passes.fuse_gru.writing.batch_axes import declare_equal
from gru_lower.passes.fuse_gru.writing.shared_weights import share_weights
from gru_lower.passes.fuse_gru.writing.verification_pair import VerificationPairs
from gru_lower.passes.fuse_gru.writing.write_scope import WrittenScope, write_scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.find_recurrences import ScopeRecurrences
    from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import Site


@dataclass(frozen=True)
class FuseOptions:
    """Options of ``fuse-gru``.

    Attributes:
        steps: ``yes`` makes a GRU of sequence length 1 of a single step, too, such as a decoder's.
        assume: ``right-padded`` promises that masks are true up to each sequence's length and false from there on.
        empty: What becomes of loops that took empty sequences or batches, as runtimes' GRUs do not: ``fuse`` makes GRUs
            of them, ``guard`` puts an If around each, ``keep`` leaves the loops.
        projected: ``yes`` fuses GRUs whose gates something else than a matrix projects, too: W only selects features.

    """

    steps: str = field(default="no", metadata={"choices": ("no", "yes")})
    assume: str = field(default="nothing", metadata={"choices": ("nothing", "right-padded")})
    empty: str = field(default="fuse", metadata={"choices": EMPTY})
    projected: str = field(default="no", metadata={"choices": ("no", "yes")})


class FuseGru(Pass):
    """Replace what computes a GRU by a GRU node, however it is spelled.

    Every value of a scope is interpreted as polynomials
    (:mod:`gru_lower.passes.fuse_gru.algebra.polynomials`); a value whose polynomial is

        zt ∘ Ht_1 + (1 - zt) ∘ ht,   zt = f(Xt Wzᵀ + Ht_1 Rzᵀ + bz),   rt = f(Xt Wrᵀ + Ht_1 Rrᵀ + br)
        ht = g(Xt Whᵀ + (rt ∘ Ht_1) Rhᵀ + bh)             linear_before_reset = 0
        ht = g(Xt Whᵀ + rt ∘ (Ht_1 Rhᵀ + Rbh) + Wbh)      linear_before_reset ≠ 0

    is a step of a GRU, by proof over the reals.

    Rules:
        1. Steps make a GRU if each works on the state of the one before, with the same weights: unrolled cells in
           one scope (:mod:`unrolled_recurrences`), or the step of a Loop or Scan (:mod:`loop_recurrences`).
        2. Values that are states, or states stacked, keep their names and come from the GRU; what nothing needs any
           more goes (:mod:`replacement_plan`). A Loop or Scan goes as a whole or stays as a whole.
        3. W, R and B are the model's own numbers, bit for bit, where it has them one by one; biases that are added
           together are summed in float64 and rounded once. Equal ones of several GRUs are one constant.
        4. Before anything is committed, region and GRU are run on the same random inputs; a site that differs
           stays as it was.
        5. Axes of the model's inputs that are one batch are declared by one name: the GRU wants them equal, where the
           nodes it replaces might have repeated a batch of 1.
        6. What looks like a recurrence and is no GRU is listed with the term that does not fit.
    """

    name = "fuse-gru"
    Options = FuseOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Fuse in every scope; in loops that are split first, where that fuses more."""
        if not may_recur(model.proto):
            sites = sites_of_integers(next(walk(model.proto)), between_quantisers=True)
            return PassResult(modified=False, sites=sites, diagnostics=_notes_on(sites))
        if not has_loops(model) and not has_scans(model):
            return self._fused(model, ctx)
        whole = model.copy()
        tried, apart = [(whole, self._fused(whole, ctx))], model
        unpacked = self._unpacked(model, tried[0][1], ctx)
        if unpacked is not None:
            apart, trial, result = unpacked
            tried.append((trial, result))
        for take_apart in (split_loops, hoist_inputs):
            if not any(site.code == "GL802" for site in tried[-1][1].sites):
                break
            apart = apart.copy()
            if take_apart(apart):
                trial = apart.copy()
                tried.append((trial, self._fused(trial, ctx, unpacked=unpacked is not None)))
        chosen, result = max(tried, key=lambda each: _fused_sites(each[1]))
        if result.modified:
            model.proto.CopyFrom(chosen.proto)
            model.modified = True
        return result

    def _unpacked(self, model: Model, result: PassResult, ctx: Context) -> tuple[Model, Model, PassResult] | None:
        """Unpack the Scans that are no GRU as they are, but are when they are unpacked.

        Returns:
            The model with unpacked Scans, the same fused, and what became of it; ``None`` if no more is fused.

        """
        best: tuple[Model, Model, PassResult] | None = None
        for attempt in range(MOST_WIDTHS):
            apart, packed = model.copy(), {site.site for site in result.sites if site.code == "GL801"}
            made = unpack_scans(apart, packed, attempt) if packed else {}
            if not made:
                break
            trial = apart.copy()
            found = self._fused(trial, ctx, unpacked=True)
            stay = {site.site.rpartition(":")[2] for site in found.sites if site.action != "fused"}
            right = {site for site, outputs in made.items() if not outputs & stay}
            if right and len(right) < len(made):
                apart = model.copy()
                unpack_scans(apart, right, attempt)
                trial = apart.copy()
                found = self._fused(trial, ctx, unpacked=True)
            if _fused_sites(found) > _fused_sites(result):
                best = model, _, result = apart, trial, found
        return best

    def algebra(self, model: Model, facts: Facts) -> Algebra:
        """Return the tables that are filled when a model is interpreted."""
        del model, facts
        return LoopAlgebra()

    def _fused(self, model: Model, ctx: Context, *, unpacked: bool = False) -> PassResult:
        edits, batches, result = self._written(model, ctx, unpacked=unpacked)
        if model.aside is not None:  # weights by the gigabyte, in tables that know one another
            gc.collect()
        result.modified = splice.apply(model, share_weights(edits))
        for axes in batches:
            result.diagnostics += declare_equal(model.proto.graph, axes)
        return result

    def _written(
        self, model: Model, ctx: Context, *, unpacked: bool
    ) -> tuple[list[splice.Edit], list[list[BatchAxis]], PassResult]:
        """Return the edits that put GRUs into a model, the axes that they make equal, and what became of each."""
        result = PassResult(modified=False)
        edits: list[splice.Edit] = []
        batches: list[list[BatchAxis]] = []
        facts = Facts(model, scopes=model.take_scopes())
        names = Names(model.proto, facts.scopes)
        shortest = 1 if self.options.steps == "yes" else 2
        with without_garbage_collection():
            algebra = self.algebra(model, facts)
            algebra.negates_matrices = unpacked
            interpreters = list(interpret_scopes(facts, algebra, progress=ctx.progress))
            everywhere: list[ScopeRecurrences] = []
            for begun, interpreter in enumerate(interpreters, 1):
                ctx.progress("looking for recurrences", begun, len(interpreters))
                found = find_recurrences(
                    interpreter,
                    shortest=shortest,
                    assume=self.options.assume,
                    empty=self.options.empty,
                    projected=self.options.projected == "yes",
                )
                everywhere.append(found)
        read_by_inner_grus(everywhere)
        removed = RemovedScopes(model.proto)
        runs = (ctx.judge is not None or ctx.keep_changes) and fits_a_message(model.proto)
        for done, (interpreter, found) in enumerate(zip(interpreters, everywhere, strict=True), 1):
            ctx.progress("fusing", done, len(interpreters))
            if removed.has(interpreter.scope):
                continue
            pairs = VerificationPairs(model.proto, interpreter, model.base_dir)
            try:
                written = self._verified(interpreter, names, facts, found, pairs, ctx, runs=runs)
            except READING_FAILS as error:
                algebra.note_unread(interpreter.scope.path, "writing GRUs", error)
                continue
            if written is not None:
                edits.append(written.edit)
                removed.add(interpreter.scope, written.edit.removed)
                if interpreter.scope.path == "main":
                    batches += written.batches.values()
                result.sites += written.sites
                result.diagnostics += self._empty_no_more(written, found)
            result.sites += found.sites
        result.diagnostics += _notes_on(result.sites)
        result.diagnostics += [
            diagnostic("GL018", f"left alone, as reading it failed: {why}", node=site)
            for site, why in algebra.unread.items()
        ]
        return edits, batches, result

    def _verified(
        self,
        interpreter: Interpreter,
        names: Names,
        facts: Facts,
        found: ScopeRecurrences,
        pairs: VerificationPairs,
        ctx: Context,
        *,
        runs: bool,
    ) -> WrittenScope | None:
        """Write, and write again without the sites that turn out different, until none does."""
        while True:
            guard = self.options.empty == "guard"
            written = write_scope(interpreter, names, facts, found, guard=guard, runs=runs)
            if written is None:
                return None
            different = False
            for begun, (number, site) in enumerate(zip(written.recurrences, written.sites, strict=True), 1):
                ctx.progress("verifying what was fused", begun, len(written.sites))
                if ctx.judge is None and not ctx.keep_changes:
                    continue
                outputs = written.served(number)
                edit = written.edit
                batches = [written.batches[n] for n in written.recurrences]  # other GRUs may stand before it
                pair = pairs.pair(site.site, outputs, edit.nodes, edit.initializers, batches)
                site.change = pair if ctx.keep_changes else None
                if pair is None or ctx.judge is None:
                    continue
                site.verified = ctx.judge(pair)
                why = _why_not_committed(found, number, site.verified)
                if why is not None:
                    found.drop(number, *why)
                    different = True
            if not different:
                return written

    def _empty_no_more(self, written: WrittenScope, found: ScopeRecurrences) -> Iterator[Diagnostic]:
        """Yield a warning for each loop that took empty sequences or batches, which its GRU does not take."""
        warned = set[str]()  # a loop may hold several GRUs
        for number, site in zip(written.recurrences, written.sites, strict=True):
            taken = what_was_taken(found.interpreter, found.grus[number])
            if taken and self.options.empty == "fuse" and site.site not in warned:
                warned.add(site.site)
                message = f"{taken}; onnxruntime's GRU does not: {' and '.join(site.preconditions)} from now on"
                yield diagnostic("GL808", message, scope=site.scope, node=site.site)

    def ensures(self, model: Model, result: PassResult) -> None:
        """Check that there are at least as many GRUs as sites say were fused."""
        fused = sum(site.action == "fused" for site in result.sites)
        there = count_nodes(model.proto, "GRU")
        if there < fused:
            raise InternalError(f"{fused} GRUs were fused, {there} are there", code="GL901")


def _notes_on(sites: Sequence[Site]) -> list[Diagnostic]:
    """Return what is said of recurrences that are no GRUs, or stay as they are."""
    coded = ((site.code, site) for site in sites)
    return [
        diagnostic(code, site.message, scope=site.scope, node=site.site) for code, site in coded if code is not None
    ]


def _fused_sites(result: PassResult) -> int:
    return sum(site.action == "fused" for site in result.sites)


def _why_not_committed(found: ScopeRecurrences, number: int, verified: Verification) -> tuple[str, str] | None:
    """Return the code and the sentence for a GRU that does not compute what its nodes do; ``None`` if it does."""
    loop = found.grus[number].loop
    corrupted = {} if loop is None else corrupted_outputs(found.interpreter.scope.nodes[loop.index])
    if corrupted:  # whatever the memory held: it may have been right this time
        return "GL725", f"a GRU, but {next(iter(corrupted.values()))}, so that there is nothing to compare with"
    if verified.status == "inconclusive" and verified.chaotic:
        return "GL802", f"a GRU, but running it cannot tell: {verified.message}"
    if verified.status == "different":
        return "GL803", f"as a GRU it computes something else: {verified.message}"
    return None
