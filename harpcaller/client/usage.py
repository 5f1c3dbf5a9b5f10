"""What `harp` says about itself; harp(1) says the rest."""

from __future__ import annotations

SUMMARY = """\
usage: harp [--server ADDR] [--json] VERB ...

  harp call HOST PROCEDURE [VALUE ... | NAME=VALUE ...]
                      run a procedure, wait, print what it returned
  harp follow ID      print a job's packets as they come, then its result
  harp result ID      wait for a job's result and print it
  harp status ID      print what was called, and when
  harp cancel ID      end a job
  harp procedures HOST
                      list what may be called on a host

  --server ADDR       HOST:PORT, [IPv6]:PORT, tls:HOST:PORT or unix:PATH; without
                      it $HARPCALLER_SERVER, else 127.0.0.1:3502
  --ca-file FILE      who may sign the dispatcher's certificate (PEM)
  --cert-file FILE    our own certificate, and its key: --key-file FILE
  --token-file FILE   the token that says who we are; or $HARPCALLER_TOKEN
  --json              print JSON, one document a line, errors too
  --help, --version   "harp VERB --help" says more of one verb

exit status: 0 result, 1 remote exception, 2 usage, 3 error, 4 cancelled,
  5 not finished, 6 no such job, 7 dispatcher unreachable, 130 interrupted
"""

VERBS = {
    "call": """\
usage: harp call HOST PROCEDURE [VALUE ... | NAME=VALUE ...]

A VALUE is JSON if it can be read as JSON, else a string. After "--" everything
is a VALUE, whatever it looks like.

  --arguments FILE        read them all from a file, as JSON; "-" is the input
  -f, --follow            print packets as they come, then the result
  --detach                print the job's id and do not wait
  --timeout SECONDS       longest silence of the procedure
  --max-exec-time SECONDS longest time from start to end
  --queue JSON            the queue to wait in: an object, its name
  --concurrency N         how many jobs of that queue may run at a time
  --info JSON             anything, shown again by "harp status"
  --key KEY               a second call with this key is the same job
  --retries N             how often it may be started again if the dispatcher dies
  --seal POINTER          a secret argument, such as /password; may be repeated
  --cancel-on-interrupt   at Ctrl-C cancel the job instead of leaving it alone
""",
    "follow": """\
usage: harp follow ID [--since N | --recent N]

  --since N               from packet number N; the default is 0, all
  --recent N              the last N packets and all to come
  --cancel-on-interrupt   at Ctrl-C cancel the job instead of leaving it alone
""",
    "result": """\
usage: harp result ID [--no-wait]

  --no-wait               do not wait: exit status 5 if it has not finished
""",
    "status": """\
usage: harp status ID
""",
    "cancel": """\
usage: harp cancel ID

Exit status 0 also if the job had ended already.
""",
    "procedures": """\
usage: harp procedures HOST

It calls "describe" there, and is told what the dispatcher's user may call.
""",
}
