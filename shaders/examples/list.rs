//! Prints every kernel variant that browsers use as JSON, for the browser test that creates each of them in Chromium.

use glasshouse_shaders::{Access, KERNELS};

fn main() {
    let kernels: Vec<String> = KERNELS
        .iter()
        .filter(|kernel| !kernel.needs_subgroups())
        .map(|kernel| {
            let bindings: Vec<String> = kernel
                .bindings
                .iter()
                .map(|binding| {
                    let access = match binding.access {
                        Access::Read => "read",
                        Access::ReadWrite => "read_write",
                        Access::Uniform => "uniform",
                    };
                    format!(r#"{{"binding":{},"access":"{access}"}}"#, binding.binding)
                })
                .collect();
            format!(
                r#"{{"name":{},"half":{},"entry_point":{},"source":{},"bindings":[{}],"workgroup_size":{:?}}}"#,
                quoted(kernel.name),
                kernel.needs_half(),
                quoted(kernel.entry_point),
                quoted(&kernel.source()),
                bindings.join(","),
                kernel.workgroup_size
            )
        })
        .collect();
    println!("[{}]", kernels.join(",\n"));
}

/// Quotes a JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            letter if letter < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}
