"""The real `ansible-inventory`, once for each case, without starting Python again for each.

Reads a list of cases from standard input, each {name, folder, arguments}, and writes
{case: {code, output, errors}}. Every case runs in a process of its own, forked after Ansible is loaded.
"""

import json
import os
import sys
import tempfile

from ansible.cli.inventory import InventoryCLI


def start(case):
    """Starts one case; the answer is what `finish` needs."""
    output, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.chdir(case["folder"])
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            InventoryCLI(["ansible-inventory", *case["arguments"]]).run()
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:
            print(error, file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return case["name"], child, output, errors


def finish(name, child, output, errors):
    _, status = os.waitpid(child, 0)
    output.seek(0)
    errors.seek(0)
    answer = {
        "code": os.waitstatus_to_exitcode(status),
        "output": output.read().decode(),
        "errors": errors.read().decode(),
    }
    return name, answer


answers, running = {}, []
for case in json.load(sys.stdin):
    running.append(start(case))
    if len(running) == 3:
        name, answer = finish(*running.pop(0))
        answers[name] = answer
for one in running:
    name, answer = finish(*one)
    answers[name] = answer
json.dump(answers, sys.stdout)
