"""Requests to paste, as `help` prints them: what each does, and the line itself."""

from __future__ import annotations

JOB_ID = "00000000-0000-7000-8000-000000000000"
"""Stands for the id that a call was answered with."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    (
        "call a procedure on a host; the answer has the job id",
        '{"harpcaller":1,"host":"localhost","procedure":"ping","arguments":[]}',
    ),
    (
        "named arguments, limits in seconds, a queue that runs two at a time",
        '{"harpcaller":1,"host":"localhost","procedure":"count",'
        '"arguments":{"n":5,"interval":0.5},"timeout":10,"max_exec_time":60,'
        '"queue":{"name":{"disk":"sda"},"concurrency":2},"info":"as you like"}',
    ),
    (
        "wait for the result (put the id of your job in place of the zeros)",
        f'{{"harpcaller":1,"get_result":"{JOB_ID}"}}',
    ),
    (
        "the result if there is one by now",
        f'{{"harpcaller":1,"get_result":"{JOB_ID}","wait":false}}',
    ),
    (
        "what was called, when, and with which limits",
        f'{{"harpcaller":1,"get_status":"{JOB_ID}"}}',
    ),
    (
        "all packets as they come, then the result",
        f'{{"harpcaller":1,"follow_stream":"{JOB_ID}","since":0}}',
    ),
    (
        "the packets there are by now, from number 0 on",
        f'{{"harpcaller":1,"read_stream":"{JOB_ID}","since":0}}',
    ),
    (
        "end a job now",
        f'{{"harpcaller":1,"cancel":"{JOB_ID}"}}',
    ),
    (
        "version, limits, and a connection that stays open",
        '{"harpcaller":1,"hello":true}',
    ),
)
