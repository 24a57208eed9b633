"""Django's EmailMultiAlternatives over one connection, in whatever environment has Django.

python benchmarks/sending/django_mail.py TASK
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])

import django  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: E402

from sending.task import SENDER, SUBJECT, Task, letter, measure  # noqa: E402


def send(task: Task) -> Task:
    """One message for every reader."""
    settings.configure(USE_TZ=True)
    connection = get_connection("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=task["port"])
    with connection:
        for number in range(1, task["count"] + 1):
            wanted = letter(task, number)
            message = EmailMultiAlternatives(
                SUBJECT,
                wanted.text,
                wanted.return_path,
                [f'"{wanted.name}" <{wanted.recipient}>'],
                connection=connection,
                headers=wanted.headers | {"From": SENDER},
            )
            message.attach_alternative(wanted.html, "text/html")
            assert message.send() == 1
    return {"version": django.get_version()}


if __name__ == "__main__":
    measure(send)
