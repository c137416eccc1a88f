"""A stand-in for the server of Weights & Biases: what `wandb sync` asks of it, and keeps what it is given."""

from __future__ import annotations

import re
from typing import Any

from standins import Answer, StandInServer, Taken

_FILE = {"id": "F", "name": "f", "displayName": "f", "uploadHeaders": [], "uploadMultipartUrls": None}
_VIEWER = {"id": "V", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}


def answering(server: StandInServer) -> Answer:
    """Return what answers for the server: by the name of the GraphQL operation."""

    def upload(name: str) -> dict[str, Any]:
        return {**_FILE, "uploadUrl": f"{server.url}/upload/{name}", "storagePath": name, "artifact": {"id": "A"}}

    def answer(taken: Taken) -> tuple[int, Any]:
        if not taken.path.startswith("/graphql"):
            return 200, {"exitcode": None, "limits": {}}
        named = re.search(r"(?:query|mutation)\s+(\w+)", taken.document["query"])
        variables = taken.document.get("variables") or {}
        said = variables.get("input") or variables
        manifest = {"artifactManifest": {"id": "M", "file": upload("manifest.json")}}
        project = {"id": "P", "name": said.get("project"), "entity": {"id": "E", "name": "me"}}
        bucket = {"id": "B", "name": said.get("name"), "displayName": said.get("displayName"), "project": project}
        files = said.get("artifactFiles") or []
        answers: dict[str, Any] = {
            "Viewer": {"viewer": _VIEWER},
            "UpsertBucket": {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0}, "inserted": True}},
            "CreateArtifact": {
                "createArtifact": {
                    "artifact": {
                        "id": "A",
                        "state": "PENDING",
                        "artifactSequence": {"id": "S", "latestArtifact": None},
                    }
                }
            },
            "CreateArtifactManifest": {"createArtifactManifest": manifest},
            "UpdateArtifactManifest": {"updateArtifactManifest": manifest},
            "CreateArtifactFiles": {
                "createArtifactFiles": {"files": {"edges": [{"node": upload(one["name"])} for one in files]}}
            },
            "CommitArtifact": {"commitArtifact": {"artifact": {"id": "A", "digest": "d"}}},
            "CreateRunFiles": {
                "createRunFiles": {
                    "runID": "B",
                    "uploadHeaders": [],
                    "files": [
                        {"name": name, "uploadUrl": f"{server.url}/upload/{name}"} for name in said.get("files") or []
                    ],
                }
            },
        }
        features = {"serverInfo": {"features": []}, "viewer": _VIEWER}
        return 200, {"data": answers.get(named[1] if named else "", features)}

    return answer
