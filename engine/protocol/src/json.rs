//! Indented JSON.

use serde::Serialize;

/// The text of [`serde_json::to_string_pretty`], from that of [`serde_json::to_string`]: a second formatter would be compiled again for
/// every stored type.
pub fn indented<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    Ok(indent(&serde_json::to_string(value)?))
}

fn indent(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 3 / 2);
    let (mut depth, mut is_string, mut escaped) = (0, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut letters = compact.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_string {
            text.push(letter);
            is_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        is_string = letter == '"';
        if matches!(letter, '}' | ']') {
            depth -= 1;
            line(&mut text, depth);
        }
        text.push(letter);
        match letter {
            '{' | '[' => match letters.next_if(|next| matches!(next, '}' | ']')) {
                Some(end) => text.push(end),
                None => {
                    depth += 1;
                    line(&mut text, depth);
                }
            },
            ',' => line(&mut text, depth),
            ':' => text.push(' '),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn it_is_serde_jsons() {
        let inner = json!({"a": [], "b": {}, "c": [[], [1, -2.5e-7, null, true], {"d": "x"}], "\"e\\": "\\\"{[,:]}\n\u{1}é"});
        for value in [Value::Null, json!([]), json!({}), json!("a"), json!([[[]]]), inner] {
            assert_eq!(indented(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }
    }
}
