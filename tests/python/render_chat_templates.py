"""Renders chat templates with transformers, for engine/conversation/tests/chat_templates.rs to compare with.

usage: render_chat_templates.py REQUEST_JSON
REQUEST_JSON has `templates` (sources by name), `cases` (lists of messages, tools or null, and add_generation_prompt) and `specials`
(tokens by name). Prints one JSON object: the library's version, and by template a list with for each case the text and what
`{% generation %}` encloses of it, in characters, or an error.
"""

import json
import sys

import transformers
from transformers.utils.chat_template_utils import render_jinja_template


def render(template, case, specials):
    try:
        texts, spans = render_jinja_template(
            conversations=[case["messages"]],
            tools=case["tools"],
            chat_template=template,
            return_assistant_tokens_mask=True,
            add_generation_prompt=case["add_generation_prompt"],
            **specials,
        )
        return {"text": texts[0], "spans": spans[0]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    transformers.utils.logging.set_verbosity_error()
    results = {
        name: [render(template, case, request["specials"]) for case in request["cases"]]
        for name, template in request["templates"].items()
    }
    print(json.dumps({"version": transformers.__version__, "results": results}))


main()
