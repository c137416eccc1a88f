"""Real libraries of model providers, recorded and replayed against a stand-in: the same objects, none missed.

Needs an environment of its own: `make sdks`. Each library makes its calls plain, streamed, asynchronous, with tools, with
a failure that is tried again, with one that is not, and many at once, as far as it can. Then the same program runs
recorded, and replayed with no key and no stand-in.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
from standin import StandIn

TOP = Path(__file__).parents[2]
PYTHON = TOP / ".venv-sdks" / "bin" / "python"
NODE = TOP / ".venv-sdks" / "node"
KEYS = dict.fromkeys(
    (
        *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "CO_API_KEY", "COHERE_API_KEY"),
        *("GROQ_API_KEY", "TOGETHER_API_KEY", "HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ),
    "sk-test-0123456789abcdefghijklmnop",
)
OPENAI_LIKE = """
import asyncio, json
from {module} import {sync}, {asynchronous}
tool = {{"type": "function", "function": {{"name": "weather", "description": "of a city",
        "parameters": {{"type": "object", "properties": {{"city": {{"type": "string"}}}}}}}}}}
def ask(text, **more):
    return dict(model="{model}", messages=[{{"role": "system", "content": "Be terse."}}, {{"role": "user", "content": text}}], **more)
with {sync}() as c:
    for n in range(3):
        show(c.chat.completions.create(**ask("is it? [busy]" if n == 2 else "is it?", temperature=0.5)))
    for chunk in c.chat.completions.create(**ask("stream", stream=True)):
        show(chunk)
    show(c.chat.completions.create(**ask("[tool] weather", tools=[tool])))
    show(c.chat.completions.create(**ask("[gzip] packed")))
    show(c.chat.completions.create(**ask("[drop] once")))
    try:
        c.chat.completions.create(**ask("[bad]"))
    except Exception as error:
        show([type(error).__name__, getattr(error, "status_code", None)])
    {extra}
async def many():
    async with {asynchronous}() as c:
        async def one(n):
            return await c.chat.completions.create(**ask(f"number {{n}}"))
        for found in await asyncio.gather(*(one(n) for n in range(32))):
            show(found)
        async for chunk in await c.chat.completions.create(**ask("stream async", stream=True)):
            show(chunk)
asyncio.run(many())
"""
SHOW = """
import json
def plain(value):
    for name in ("model_dump", "to_dict", "dict"):
        if hasattr(value, name) and not isinstance(value, (dict, list)):
            try:
                return plain(getattr(value, name)())
            except TypeError:
                continue
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if k not in ("ResponseMetadata", "sdk_http_response")}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
def show(value):
    print(json.dumps(plain(value), sort_keys=True))
"""
PROGRAMS = {
    "openai": OPENAI_LIKE.format(
        module="openai",
        sync="OpenAI",
        asynchronous="AsyncOpenAI",
        model="gpt-4o-mini",
        extra="""show(c.responses.create(model="gpt-4o-mini", input="hello"))
    for event in c.responses.create(model="gpt-4o-mini", input="hello", stream=True):
        show(event)
    show(c.embeddings.create(model="text-embedding-3-small", input=["a", "b"]))
    show(c.chat.completions.with_raw_response.create(**ask("raw")).headers["x-request-id"])""",
    ),
    "openai, Azure": """
from openai import AzureOpenAI
with AzureOpenAI(azure_endpoint="https://us-a.openai.azure.com", api_version="2024-10-21", api_key="k" * 32) as c:
    show(c.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}]))
""",
    "groq": OPENAI_LIKE.format(
        module="groq", sync="Groq", asynchronous="AsyncGroq", model="llama-3.3-70b", extra="pass"
    ),
    "together": OPENAI_LIKE.format(
        module="together", sync="Together", asynchronous="AsyncTogether", model="meta/llama", extra="pass"
    ),
    "anthropic": """
import asyncio
from anthropic import Anthropic, AsyncAnthropic
tool = {"name": "weather", "description": "of a city", "input_schema": {"type": "object", "properties": {}}}
def ask(text, **more):
    return dict(model="claude-sonnet-4-20250514", max_tokens=64, system="Be terse.", messages=[{"role": "user", "content": text}], **more)
with Anthropic() as c:
    for n in range(3):
        show(c.messages.create(**ask("is it? [busy]" if n == 2 else "is it?")))
    for event in c.messages.create(**ask("stream", stream=True)):
        show(event)
    with c.messages.stream(**ask("stream more")) as stream:
        show(stream.get_final_message())
    show(c.messages.create(**ask("[tool] weather", tools=[tool])))
    show(c.messages.create(**ask("[drop] once")))
    try:
        c.messages.create(**ask("[bad]"))
    except Exception as error:
        show([type(error).__name__, error.status_code])
async def many():
    async with AsyncAnthropic() as c:
        for found in await asyncio.gather(*(c.messages.create(**ask(f"number {n}")) for n in range(32))):
            show(found)
asyncio.run(many())
""",
    "google-genai": """
import asyncio
from google import genai
c = genai.Client()
for n in range(3):
    show(c.models.generate_content(model="gemini-2.0-flash", contents="is it?"))
for chunk in c.models.generate_content_stream(model="gemini-2.0-flash", contents="stream"):
    show(chunk)
async def many():
    for found in await asyncio.gather(*(c.aio.models.generate_content(model="gemini-2.0-flash", contents=f"n {n}") for n in range(8))):
        show(found)
asyncio.run(many())
""",
    "mistralai": """
import os
try:
    from mistralai import Mistral
except ImportError:
    from mistralai.client import Mistral
with Mistral(api_key=os.environ["MISTRAL_API_KEY"]) as c:
    for n in range(3):
        show(c.chat.complete(model="mistral-small-latest", messages=[{"role": "user", "content": "is it?"}]))
    for event in c.chat.stream(model="mistral-small-latest", messages=[{"role": "user", "content": "stream"}]):
        show(event.data)
""",
    "cohere": """
import cohere
c = cohere.ClientV2()
for n in range(3):
    show(c.chat(model="command-r", messages=[{"role": "user", "content": "is it?"}]))
for event in c.chat_stream(model="command-r", messages=[{"role": "user", "content": "stream"}]):
    show(event)
""",
    "litellm": """
import asyncio, os
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
litellm.suppress_debug_info = True
for model in ("gpt-4o-mini", "anthropic/claude-sonnet-4-20250514", "gemini/gemini-2.0-flash", "openai/gpt-4o"):
    found = litellm.completion(model=model, messages=[{"role": "user", "content": "is it?"}], max_tokens=20).model_dump()
    show({name: found[name] for name in ("choices", "usage", "model")})
for chunk in litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "stream"}], stream=True):
    show(chunk.choices[0].delta.content)
async def many():
    asked = (litellm.acompletion(model="gpt-4o-mini", messages=[{"role": "user", "content": f"n {n}"}]) for n in range(8))
    for found in await asyncio.gather(*asked):
        show(found.choices[0].message.content)
asyncio.run(many())
""",
    "langchain": """
from langchain_openai import ChatOpenAI
from langchain_anthropic import ChatAnthropic
for model in (ChatOpenAI(model="gpt-4o-mini", temperature=0), ChatAnthropic(model="claude-sonnet-4-20250514", max_tokens=32)):
    for n in range(2):
        found = model.invoke("is it?")
        show([found.content, found.usage_metadata])
    show("".join(str(chunk.content) for chunk in model.stream("stream")))
    show([one.content for one in model.batch([f"n {n}" for n in range(8)])])
""",
    "boto3 Bedrock": """
import boto3
c = boto3.client("bedrock-runtime", region_name="us-east-1")
said = [{"role": "user", "content": [{"text": "is it?"}]}]
for n in range(3):
    show(c.converse(modelId="anthropic.claude-3-5-haiku-20241022-v1:0", messages=said))
for event in c.converse_stream(modelId="anthropic.claude-3-5-haiku-20241022-v1:0", messages=said)["stream"]:
    show(event)
""",
    "huggingface_hub": """
import os
from huggingface_hub import InferenceClient
c = InferenceClient(base_url="https://router.huggingface.co/v1", api_key=os.environ["HF_TOKEN"])
for n in range(3):
    show(c.chat_completion([{"role": "user", "content": "is it?"}], model="meta-llama/Llama-3.1-8B"))
for chunk in c.chat_completion([{"role": "user", "content": "stream"}], model="meta-llama/Llama-3.1-8B", stream=True):
    show(chunk)
""",
    "requests, httpx, urllib, aiohttp": """
import asyncio, json, os, urllib.request
import aiohttp, httpx, requests
url, body = "https://api.openai.com/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "is it?"}]}
show(requests.post(url, json=body).json())
show(httpx.post(url, json=body).json())
asked = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
show(json.load(urllib.request.urlopen(asked)))
async def once():
    async with aiohttp.ClientSession(trust_env=True) as session, session.post(url, json=body) as found:
        show(await found.json())
asyncio.run(once())
""",
    "httpx that could speak HTTP/2": """
import asyncio, httpx
url, body = "https://api.openai.com/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "is it?"}]}
with httpx.Client(http2=True) as c:
    for n in range(3):
        show(c.post(url, json=body).json())
async def many():
    async with httpx.AsyncClient(http2=True) as c:
        for found in await asyncio.gather(*(c.post(url, json={**body, "n": n}) for n in range(8))):
            show(found.json())
asyncio.run(many())
""",
    "vcrpy inside": """
import os, tempfile
import requests, vcr
url, body = "https://api.openai.com/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "is it?"}]}
place = os.path.join(tempfile.mkdtemp(), "cassette.yaml")
for n in range(2):
    with vcr.use_cassette(place, record_mode="once"):
        show(requests.post(url, json=body).json())
show(requests.post(url, json=body).json())
""",
}
NODE_SHOW = "const show = (value) => console.log(JSON.stringify(value));\n"
NODE_PROGRAMS = {
    "Node openai": """
import OpenAI from "openai";
const c = new OpenAI();
const ask = (text, more = {}) => ({ model: "gpt-4o-mini", messages: [{ role: "user", content: text }], ...more });
for (let n = 0; n < 3; n++) show(await c.chat.completions.create(ask("is it?")));
for await (const chunk of await c.chat.completions.create(ask("stream", { stream: true }))) show(chunk);
show(await c.chat.completions.create(ask("[busy] again")));
for (const one of await Promise.all([...Array(16).keys()].map((n) => c.chat.completions.create(ask("n " + n))))) show(one);
""",
    "Node @anthropic-ai/sdk": """
import Anthropic from "@anthropic-ai/sdk";
const c = new Anthropic();
const ask = (text, more = {}) => ({ model: "claude-sonnet-4-20250514", max_tokens: 64, messages: [{ role: "user", content: text }], ...more });
for (let n = 0; n < 3; n++) show(await c.messages.create(ask("is it?")));
for await (const event of await c.messages.create(ask("stream", { stream: true }))) show(event);
""",
    "Node @google/genai": """
import { GoogleGenAI } from "@google/genai";
const c = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
for (let n = 0; n < 3; n++) show((await c.models.generateContent({ model: "gemini-2.0-flash", contents: "is it?" })).text);
""",
    "Node undici, could speak HTTP/2": """
import { EnvHttpProxyAgent, fetch } from "undici";
const dispatcher = new EnvHttpProxyAgent({ allowH2: true });
const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "is it?" }] });
for (let n = 0; n < 3; n++) {
  const found = await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body, dispatcher,
    headers: { "content-type": "application/json", authorization: "Bearer " + process.env.OPENAI_API_KEY } });
  show(await found.json());
}
""",
    "Node ai": """
import { generateText, streamText } from "ai";
import { openai } from "@ai-sdk/openai";
for (let n = 0; n < 3; n++) show((await generateText({ model: openai.chat("gpt-4o-mini"), prompt: "is it?" })).text);
let all = "";
for await (const part of streamText({ model: openai.chat("gpt-4o-mini"), prompt: "stream" }).textStream) all += part;
show(all);
""",
}


def main() -> int:
    """Record and replay each; print one table."""
    wanted = sys.argv[1:]
    failed = 0
    print(f"{'library':34} {'calls':>5} {'recorded':>8} {'replayed':>8} {'out':>4}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for name, program in {**PROGRAMS, **NODE_PROGRAMS}.items():
            if wanted and not any(word in name for word in wanted):
                continue
            file = Path(folder) / ("program.mjs" if name.startswith("Node") else "program.py")
            if name.startswith("Node"):
                if not NODE.is_dir():
                    print(f"{name:34} not installed")
                    continue
                file = NODE / "program.mjs"
                file.write_text(NODE_SHOW + program)
            else:
                file.write_text(SHOW + program)
            failed += not _try(name, file, Path(folder))
    return 1 if failed else 0


def _try(name: str, file: Path, folder: Path) -> bool:
    standin = StandIn(folder / "standin")
    node = file.suffix == ".mjs"
    words = ["node", str(file)] if node else [str(PYTHON), str(file)]
    place = Path(tempfile.mkdtemp(dir=folder))
    base = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    base |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "AWS_EC2_METADATA_DISABLED": "true"}
    live = {**base, **standin.environ, **KEYS}
    bare = None if node else _run(words, live, place)
    standin.failures.clear()
    before = len(standin.asked)
    recorded = _run([sys.executable, "-m", "evalprov", "run", "--record", "--", *words], live, place)
    asked = len(standin.asked) - before
    standin.close()
    replayed = _run([sys.executable, "-m", "evalprov", "run", "--replay", "latest", "--", *words], base, place)
    records = [json.loads(path.read_text()) for path in sorted((place / "metrics" / "runs").glob("*.json"))]
    kept = records[0]["calls"]["count"] or 0
    given = records[-1]["calls"]["replayed"] or 0
    alike = bare is None or _shape(bare) == _shape(recorded)
    same = recorded == replayed and recorded[0] == 0
    good = same and kept == asked > 0 and alike
    out = len(standin.asked) - before - asked
    verdict = "identical" if good else f"FAILED: {_why(bare, recorded, replayed, records)}"
    print(f"{name:34} {asked:5} {kept:8} {given:8} {out:4}  {verdict}", flush=True)
    return good


def _run(words: list[str], environ: dict[str, str], place: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        words, env={**environ, "PYTHONPATH": ""}, cwd=place, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout, "" if done.returncode == 0 else done.stderr


def _shape(done: tuple[int, str, str]) -> str:
    """Return what came out, less what is another in each answer."""
    return re.sub(r"yes|nay", "?", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "0", done[1]))


def _why(bare: object, recorded: tuple[int, str, str], replayed: tuple[int, str, str], records: list[dict]) -> str:
    for which, done in (("recorded", recorded), ("replayed", replayed)):
        if done[0]:
            return f"{which}: exit {done[0]}: {done[2].strip().splitlines()[-4:]} {records[-1]['calls']['missed'][:2]}"
    if recorded[1] != replayed[1]:
        pairs = zip(recorded[1].splitlines(), replayed[1].splitlines(), strict=False)
        return "not the same: " + next((f"{a[:200]} / {b[:200]}" for a, b in pairs if a != b), "fewer lines")
    return f"other than bare, or not all kept: {records[0]['calls']['not_recorded']}"


if __name__ == "__main__":
    sys.exit(main())
