"""The entry point: reads the command line, runs the command, turns errors into messages and exit codes.

Exit codes: 0 done · 1 the computation has no answer, or did not reach its tolerance (the message names its Status) ·
2 the input or the command line is wrong · 130 interrupted (a fit can go on with ``--resume``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import tyro

from maxentrl.cli.check import Check
from maxentrl.cli.compare import Compare
from maxentrl.cli.counterfactual import Counterfactual
from maxentrl.cli.demo import Demo
from maxentrl.cli.evaluate import Evaluate
from maxentrl.cli.fit import Fit
from maxentrl.cli.forecast import Forecast
from maxentrl.cli.plan import Plan
from maxentrl.cli.report import Report
from maxentrl.cli.terminal import Terminal, printable
from maxentrl.status import Failure, MaxentrlError, Status

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """Learn what walkers want, how sure that is, and where the next one goes.

Exit codes: 0 done; 1 no answer, or the tolerance was not reached; 2 wrong input; 130 interrupted."""

Command = Check | Fit | Evaluate | Forecast | Plan | Counterfactual | Report | Demo

if TYPE_CHECKING:
    Commands = Command
else:
    Commands = (
        Annotated[Check, tyro.conf.subcommand("check")]
        | Annotated[Fit, tyro.conf.subcommand("fit")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Compare, tyro.conf.subcommand("compare")]
        | Annotated[Forecast, tyro.conf.subcommand("forecast")]
        | Annotated[Plan, tyro.conf.subcommand("plan")]
        | Annotated[Counterfactual, tyro.conf.subcommand("counterfactual")]
        | Annotated[Report, tyro.conf.subcommand("report")]
        | Annotated[Demo, tyro.conf.subcommand("demo")]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is returned, and is that of the process."""
    command: Command = tyro.cli(
        Commands,
        prog="maxentrl",
        description=DESCRIPTION,
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
    )
    terminal = Terminal(json=command.json)
    try:
        return command.run(terminal)
    except KeyboardInterrupt:
        return _report(terminal, INTERRUPTED, "interrupted; a fit goes on with --resume", "INTERRUPTED")
    except Failure as failure:
        code = INTERRUPTED if failure.status is Status.INTERRUPTED else FAILED
        return _report(terminal, code, str(failure), failure.status.name)
    except BrokenPipeError:
        # The reader of a pipe went away; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (MaxentrlError, OSError) as error:
        return _report(terminal, WRONG_INPUT, str(error), type(error).__name__)
    except MemoryError:
        remedy = "not enough memory: pool cells ([world] cell), or shorten the horizon"
        return _report(terminal, FAILED, remedy, "MemoryError")


def _report(terminal: Terminal, code: int, message: str, kind: str) -> int:
    for line in message.splitlines():
        sys.stderr.write(f"maxentrl: {printable(line)}\n")
    terminal.emit({"error": kind, "messages": message.splitlines(), "exit_code": code})
    return code


if __name__ == "__main__":
    sys.exit(main())
