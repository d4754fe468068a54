"""A served model that speaks as much of the OpenAI API as Inspect needs."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Answer = Callable[[dict[str, Any], str], str]
"""Body of a request and API key of who asks → the text of the answer."""


def handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    """Answers chat completions."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            who = self.headers["Authorization"].removeprefix("Bearer ")
            content = json.dumps(_completion(body["model"], answer(body, who))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _completion(model: str, text: str) -> dict[str, object]:
    return {
        "id": "completion",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
