//! Response bodies in the format of OpenAI's Responses API: complete, and as stream events.

use super::*;

impl Head {
    /// A response before anything is generated, or complete.
    pub(in crate::serve) fn response(
        &self,
        wanted: &Wanted,
        run: &str,
        completion: Option<&Completion>,
    ) -> Value {
        let mut response = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status(completion),
            "error": null,
            "incomplete_details": null,
            "model": self.model.as_deref().unwrap_or(run),
            "output": completion.map_or_else(|| json!([]), |completion| json!([self.item(Some(completion))])),
            "parallel_tool_calls": false,
            "previous_response_id": null,
            "store": false,
            "temperature": wanted.config.temperature,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": wanted.config.top_p,
            "truncation": "disabled",
            "usage": null,
        });
        if let Some(completion) = completion {
            let usage = Usage::new(wanted, std::slice::from_ref(completion));
            response["usage"] = json!({
                "input_tokens": usage.prompt_tokens,
                "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": usage.completion_tokens,
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": usage.total_tokens,
            });
            if let Some(reason) = reason(completion) {
                response["incomplete_details"] = json!({ "reason": reason });
            }
            response = with_counts(response, completion);
        }
        response
    }

    /// The events for a stream chunk, numbered from `sequence` on.
    pub(in crate::serve) fn events(
        &self,
        wanted: &Wanted,
        run: &str,
        piece: &Piece<'_>,
        sequence: &mut u64,
    ) -> Vec<Value> {
        let item = self.item_id();
        let part =
            |text| json!({ "item_id": item, "output_index": 0, "content_index": 0, "part": part(text) });
        let text = |name: &str, text: &str| json!({ "item_id": item, "output_index": 0, "content_index": 0, (name): text, "logprobs": [] });
        let events = match piece {
            Piece::Begin => vec![
                ("response.created", json!({ "response": self.response(wanted, run, None) })),
                ("response.in_progress", json!({ "response": self.response(wanted, run, None) })),
                ("response.output_item.added", json!({ "output_index": 0, "item": self.item(None) })),
                ("response.content_part.added", part("")),
            ],
            Piece::Text { text: delta, .. } => vec![("response.output_text.delta", text("delta", delta))],
            Piece::End(completion) => {
                let is_complete = reason(completion).is_none();
                let last = if is_complete { "response.completed" } else { "response.incomplete" };
                let item = self.item(Some(completion));
                vec![
                    ("response.output_text.done", text("text", &completion.text)),
                    ("response.content_part.done", part(&completion.text)),
                    ("response.output_item.done", json!({ "output_index": 0, "item": item })),
                    (last, json!({ "response": self.response(wanted, run, Some(completion)) })),
                ]
            }
        };
        let number = |(kind, mut event): (&str, Value)| {
            event["type"] = json!(kind);
            event["sequence_number"] = json!(*sequence);
            *sequence += 1;
            event
        };
        events.into_iter().map(number).collect()
    }

    fn item_id(&self) -> String {
        self.id.replacen("resp", "msg", 1)
    }

    fn item(&self, completion: Option<&Completion>) -> Value {
        let content = completion.map_or_else(|| json!([]), |completion| json!([part(&completion.text)]));
        json!({ "id": self.item_id(), "type": "message", "status": status(completion), "role": "assistant", "content": content })
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn status(completion: Option<&Completion>) -> &'static str {
    match completion {
        None => "in_progress",
        Some(completion) if reason(completion).is_some() => "incomplete",
        Some(_) => "completed",
    }
}

/// Why a response is incomplete.
fn reason(completion: &Completion) -> Option<&'static str> {
    match completion.ending {
        Ending::MaxTokens => Some("max_output_tokens"),
        Ending::Moderated => Some("content_filter"),
        Ending::StopString | Ending::EndOfText | Ending::Interrupted => None,
    }
}
