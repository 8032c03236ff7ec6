"""Runs a plan: the stages in order, isolated ones that are ready at the same time beside each other."""

from __future__ import annotations

from queue import SimpleQueue

from vidgan.errors import Interrupted
from vidgan.progress import Emit
from vidgan.stages.execute import execute
from vidgan.stages.plan import Plan, PlannedStage
from vidgan.stages.store import Store
from vidgan.stages.worker import Worker


def run_plan(plan: Plan, store: Store, device: str, emit: Emit) -> None:
    """Run what is not cached; finished stages stay finished whatever happens to later ones.

    Args:
        plan: from `make_plan` with the same store.
        store: the work folder.
        device: a torch device string for the stages.
        emit: takes the events of `vidgan.progress`, from several threads.

    Raises:
        VidganError: a stage failed.
        Interrupted: Ctrl-C or SIGTERM; the same call goes on.
    """
    _Run(store, device, emit).stages(plan)


class _Run:
    def __init__(self, store: Store, device: str, emit: Emit) -> None:
        self.store, self.device, self.emit = store, device, emit
        self.workers: dict[str, Worker] = {}
        self.finished: SimpleQueue[Worker] = SimpleQueue()
        self.current: str | None = None

    def stages(self, plan: Plan) -> None:
        waiting: dict[str, PlannedStage] = {}
        for stage in plan.stages:
            if stage.action == "cached":
                self._announce(stage)
            else:
                waiting[stage.name] = stage
        try:
            while waiting or self.workers:
                self._step(waiting)
        except (KeyboardInterrupt, Interrupted):
            names = " and ".join([self.current] if self.current else self.workers) or "the run"
            raise Interrupted(f"interrupted in {names}; run the same command again to go on") from None
        finally:
            for worker in self.workers.values():
                worker.ask_to_stop()
            for worker in self.workers.values():
                worker.stop()

    def _step(self, waiting: dict[str, PlannedStage]) -> None:
        """Start the isolated stages that are ready; then run one other stage here, or wait for one of them."""
        ready = [it for it in waiting.values() if not any(name in waiting or name in self.workers for name in it.after)]
        for stage in [it for it in ready if it.job.stage.isolated]:
            self._announce(waiting.pop(stage.name))
            self.workers[stage.name] = Worker(stage.job, self.store, self.device, self.emit, self.finished.put)
        here = next((it for it in ready if not it.job.stage.isolated), None)
        if here:
            self.current = here.name
            self._announce(waiting.pop(here.name))
            execute(here.job, self.store, self.device, self.emit)
            self.current = None
        else:
            self._reap(self.finished.get())
        while not self.finished.empty():
            self._reap(self.finished.get())

    def _reap(self, worker: Worker) -> None:
        del self.workers[worker.job.instance]
        worker.stop()
        worker.result()

    def _announce(self, stage: PlannedStage) -> None:
        self.emit({"event": "stage", "stage": stage.name, "action": stage.action, "reason": stage.reason})
