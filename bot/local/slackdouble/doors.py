"""The addresses that the Web API hands out: uploads, uploaded files, response_url."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.local.slackdouble import answers
from bot.local.slackdouble.api import files
from bot.local.slackdouble.double import Double, SlackError

_GONE = ("no_such_url", "expired_url", "used_url")


@dataclass
class Doors:
    """Routes without a token, because the address itself is the key."""

    double: Double

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/upload/{file_id}", self.upload, methods=["POST"]),
            Route("/files/{file_id}/{name:path}", self.download, methods=["GET"]),
            Route("/response/{key}", self.respond, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        """The bytes of an announced file."""
        return await files.receive(self.double, request)

    async def download(self, request: Request) -> Response:
        """An uploaded file."""
        return files.serve(self.double, str(request.path_params["file_id"]))

    async def respond(self, request: Request) -> Response:
        """One use of a response_url."""
        try:
            answers.respond(self.double, str(request.path_params["key"]), await request.json())
        except SlackError as refusal:
            status = 404 if refusal.error in _GONE else 400
            return JSONResponse({"ok": False, "error": refusal.error, **refusal.more}, status)
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        return PlainTextResponse("ok")
