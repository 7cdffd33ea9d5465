#!/usr/bin/env python3
"""Benchmarks an OpenAI-compatible completions server: tokens per second and latency with 1, 4 and 16 concurrent clients.

    glasshouse serve --project P --port 8080 &
    python tests/benches/serve.py http://127.0.0.1:8080/v1 --clients 1,4,16 --requests 8 --tokens 128

Each client sends its requests one after another, with the same prompt and different seeds, and reads streams. Needs only the standard library
and works with any such server. Prints a line of JSON for each number of clients: total tokens per second, and the median and 95th percentile of
the seconds to the first and the last text.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from urllib.parse import urlsplit


async def request(place, body, token):
    """Sends a request; seconds to the first text and to the end, and tokens written."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(place.hostname, place.port or 80)
    payload = json.dumps(body).encode()
    head = [f"POST {place.path.rstrip('/')}/completions HTTP/1.1", f"Host: {place.netloc}", "Connection: close"]
    head += ["Content-Type: application/json", f"Content-Length: {len(payload)}"]
    head += [f"Authorization: Bearer {token}"] if token else []
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + payload)
    await writer.drain()
    status = (await reader.readline()).decode()
    if " 200 " not in status:
        raise SystemExit(f"{status.strip()}: {(await reader.read()).decode(errors='replace')[-500:]}")
    first, tokens = None, 0
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first = first or time.perf_counter() - begun
            usage = json.loads(line[6:]).get("usage")
            tokens = usage["completion_tokens"] if usage else tokens
    writer.close()
    return first, time.perf_counter() - begun, tokens


async def load(place, arguments, clients):
    async def client(number):
        done = []
        for at in range(arguments.requests):
            body = {
                "prompt": arguments.prompt,
                "max_tokens": arguments.tokens,
                "temperature": 1.0,
                "seed": number * arguments.requests + at,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            done.append(await request(place, body if not arguments.model else body | {"model": arguments.model}, arguments.token))
        return done

    begun = time.perf_counter()
    done = [one for all_of_client in await asyncio.gather(*map(client, range(clients))) for one in all_of_client]
    seconds = time.perf_counter() - begun

    def spread(values):
        ordered = sorted(values)
        return {
            "median": round(statistics.median(ordered), 4),
            "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        }

    tokens = sum(tokens for _, _, tokens in done)
    return {
        "clients": clients,
        "requests": len(done),
        "tokens": tokens,
        "tokens_per_s": round(tokens / seconds, 1),
        "first_text_s": spread([first for first, _, _ in done]),
        "whole_text_s": spread([last for _, last, _ in done]),
    }


async def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base_url")
    parser.add_argument("--clients", default="1,4,16", help="numbers of clients, one after the other")
    parser.add_argument("--requests", type=int, default=8, help="requests of each client")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt", default="One day")
    parser.add_argument("--model", help="the run; the server's own unless said")
    parser.add_argument("--token")
    arguments = parser.parse_args()
    place = urlsplit(arguments.base_url)
    # The first request also opens the decoder.
    warm = argparse.Namespace(**vars(arguments) | {"requests": 1})
    await load(place, warm, 1)
    for clients in arguments.clients.split(","):
        print(json.dumps(await load(place, arguments, int(clients))), flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
