//! Conversations through a model's chat template.

use crate::support::play::{play, use_project};
use crate::support::program::{error_of, folder, json_of, program, referee, succeed};
use glasshouse_protocol::{ChatMessage, Command, Event, GenerateConfig, Output, Prompt, Role, WeightSource};
use std::path::Path;

/// A letter for the role, and a full stop at the end of each message.
const TEMPLATE: &str = "{% for m in messages %}{{ m.role[0] }},{{ m.content }}.{% endfor %}{% if add_generation_prompt %}a,{% endif %}";

/// The output of `glasshouse chat` for some lines, with four tokens per reply.
fn chat(folder: &Path, project: &str, lines: &str, more: &[&str]) -> String {
    chat_with(folder, project, lines, &[&["--max-tokens", "4"], more].concat())
}

fn chat_with(folder: &Path, project: &str, lines: &str, more: &[&str]) -> String {
    let input = folder.join("lines");
    std::fs::write(&input, lines).unwrap();
    let mut command = program(folder);
    command.args(["chat", "--project", project, "--device", "cpu", "--seed", "5"]).args(more);
    let output = command.stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_conversation_is_written_by_the_chat_template_that_came_with_the_model() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "model"]);
    succeed(folder, &["import", "model", "--project", "plain"]);
    std::fs::write(folder.join("model/chat_template.jinja"), TEMPLATE).unwrap();
    succeed(folder, &["import", "model", "--project", "chats"]);

    let config = GenerateConfig { max_tokens: 4, seed: 5, ..GenerateConfig::default() };
    let source = || WeightSource::best_of("1-model");
    let reply_in = |project: &str, messages: &[(Role, &str)]| {
        let messages = messages.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect();
        let prompt = Prompt::Messages { messages, rendering: None };
        let reply =
            Command::Generate { source: source(), prompt, config: config.clone(), output: Output::Tokens };
        play(folder, vec![use_project(folder.join(project), false), reply])
    };
    let reply = |messages: &[(Role, &str)]| reply_in("chats", messages);
    let ended = |events: &[Event]| {
        let text = |event: &Event| match event {
            Event::Completed { completion } => Some(completion.text.clone()),
            _ => None,
        };
        events.iter().find_map(text).unwrap()
    };
    let prompt = |events: &[Event]| -> String {
        let tokens = |event: &Event| match event {
            Event::Written { tokens, prompt: true, .. } => {
                Some(tokens.iter().map(|token| token.text.clone()).collect())
            }
            _ => None,
        };
        events.iter().find_map(tokens).unwrap()
    };

    // The model sees the rendered template, and both front ends give the same answer.
    let events = reply(&[(Role::User, "Go")]).unwrap();
    assert_eq!(prompt(&events), "u,Go.a,");
    assert_eq!(chat(folder, "chats", "Go\n\n/quit\n", &[]), ended(&events) + "\n");
    let events = reply(&[(Role::System, "x"), (Role::User, "Go")]).unwrap();
    assert_eq!(prompt(&events), "s,x.u,Go.a,");
    assert_eq!(chat(folder, "chats", "Go\n", &["--system", "x"]), ended(&events) + "\n");
    // `/new` starts a new conversation with the next seed.
    let twice = chat(folder, "chats", "Go\n/new\nGo\n", &["--temperature", "0"]);
    let lines: Vec<&str> = twice.lines().collect();
    assert!(
        lines.len().is_multiple_of(2) && lines[..lines.len() / 2] == lines[lines.len() / 2..],
        "{twice:?}"
    );

    // The beginning of a long conversation is cut except for the system message, and this is reported.
    let long = [(Role::System, "x"), (Role::User, "help"), (Role::Assistant, "there"), (Role::User, "Go")];
    let events = reply(&long).unwrap();
    assert_eq!(prompt(&events), "s,x.u,Go.a,");
    let says =
        |event: &Event| matches!(event, Event::Notice { text, .. } if text.contains("2 of 4 messages"));
    assert!(events.iter().any(says), "{events:?}");
    let refused = reply(&[(Role::User, "tell me of the sea")]).unwrap_err();
    assert!(refused.contains("23 tokens") && refused.contains("12"), "{refused}");
    assert!(reply(&[(Role::System, "x")]).unwrap_err().contains("nothing to answer"));

    // Without a template it continues texts, as before.
    let text = chat(folder, "plain", "Go\n", &[]);
    assert_eq!(chat(folder, "chats", "Go\n", &["--no-template"]), text);
    let error = error_of(folder, &["chat", "--project", "plain", "--device", "cpu", "--system", "x"]);
    assert!(error.contains("no chat template") && error.contains("--system"), "{error}");
    assert!(reply_in("plain", &[(Role::User, "Go")]).unwrap_err().contains("chat template"));

    // A template that fails, does not compile or uses something forbidden is reported with its line.
    for (number, (template, said)) in [
        ("{{ raise_exception('no') }}", "no"),
        ("{% for %}", "line 1"),
        ("\n{% include 'secret' %}", "line 2"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(folder.join("model/chat_template.jinja"), template).unwrap();
        let project = format!("broken-{number}");
        succeed(folder, &["import", "model", "--project", &project]);
        let refused = reply_in(&project, &[(Role::User, "Go")]).unwrap_err();
        assert!(refused.contains("chat template") && refused.contains(said), "{refused}");
        // Nothing is trained, and no run is left.
        let rows = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
        std::fs::write(folder.join("rows.jsonl"), format!("{rows}\n").repeat(3)).unwrap();
        let tune =
            ["train", "--project", &project, "--from", "1", "--objective", "chat", "--data", "rows.jsonl"];
        let error = error_of(folder, &[&tune[..], &["--steps", "1", "--device", "cpu"]].concat());
        assert!(error.contains("template") && error.contains(said), "{error}");
        assert!(!folder.join(&project).join("runs").join("2-model").exists());
    }
}

#[cfg(unix)]
/// Types into a program in a terminal: each text once the output since the one before contains its first part, or has so many bytes.
const TERMINAL: &str = r#"
import json, os, pty, signal, sys
signal.alarm(300)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, since = b"", 0
def read():
    global seen
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    seen += piece
    return piece
# One piece of output may contain what several texts wait for.
def end(wanted):
    if isinstance(wanted, int):
        return len(seen) if len(seen) - since >= wanted else None
    at = seen.find(wanted.encode(), since)
    return at + len(wanted) if at >= 0 else None
for wanted, typed in json.loads(sys.argv[1]):
    while end(wanted) is None and read():
        pass
    since = end(wanted) or len(seen)
    os.write(terminal, typed.encode())
while read():
    pass
sys.stdout.buffer.write(seen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Runs `glasshouse` in a terminal. Returns its output and exit code.
#[cfg(unix)]
fn in_a_terminal(folder: &Path, arguments: &[&str], typed: &serde_json::Value) -> (String, Option<i32>) {
    let own = program(folder);
    let mut command = std::process::Command::new("python3");
    command.current_dir(folder).args(["-c", TERMINAL, &typed.to_string()]).arg(own.get_program());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.args(arguments).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_answer_and_at_the_prompt_leaves() {
    let (folder, _) = folder();
    let folder = folder.path();
    let chat = ["chat", "--project", "first", "--device", "cpu", "--greedy", "--max-tokens", "1000000"];
    let stop = "\u{3}";
    let typed = serde_json::json!([["> ", "One\n"], [40, stop], ["stopping the answer", ""], ["> ", stop]]);
    let (output, code) = in_a_terminal(folder, &chat, &typed);
    assert_eq!(code, Some(130), "{output}");
    // What was written until then is kept, and continued conversations stay one.
    let kept = std::fs::read_to_string(folder.join("first/conversations.jsonl")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["messages"][0]["content"], "One");
    assert_eq!(kept["messages"][1]["origin"]["config"]["max_tokens"], 1_000_000);
    assert!(!kept["messages"][1]["content"].as_str().unwrap().is_empty());
    chat_with(folder, "first", "One\nday\n/new\nThe\n", &["--max-tokens", "4"]);
    let kept = std::fs::read_to_string(folder.join("first/conversations.jsonl")).unwrap();
    let counts = kept.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["messages"].as_array().unwrap().len()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [2, 4, 2]);
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_the_control_characters_of_titles_and_texts() {
    let (folder, _) = folder();
    let folder = folder.path();
    let run = std::fs::read_dir(folder.join("first/runs")).unwrap().flatten();
    let run = run.map(|entry| entry.path().join("run.json")).find(|path| path.is_file()).unwrap();
    let mut record = json_of(&run);
    record["title"] = "\u{1b}[31mred".into();
    std::fs::write(&run, record.to_string()).unwrap();
    let nothing = serde_json::json!([]);
    let (output, _) = in_a_terminal(folder, &["runs", "--project", "first"], &nothing);
    assert!(output.contains("␛[31mred") && !output.contains("\u{1b}[31m"), "{output}");
    let prompt = "One\u{1b}]0;owned\u{7}";
    let generate =
        ["generate", "--project", "first", "--device", "cpu", "--max-tokens", "4", "--prompt", prompt];
    let (output, _) = in_a_terminal(folder, &generate, &nothing);
    assert!(output.contains("One␛]0;owned␇") && !output.contains("\u{1b}]0;"), "{output}");
    // A file or another program gets the text as it is.
    assert!(succeed(folder, &generate).contains(prompt));
}

/// The one pretrained model that a package ships, with its own template, gives the same answers as transformers.
#[test]
fn slow_python_smollm2_answers_what_transformers_lets_it_answer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    referee(folder, "make_smollm2.py", &["model"]);
    let expected = json_of(&folder.join("model/expected.json"));
    let [question, answer] = ["question", "answer"].map(|name| expected["chat"][name].as_str().unwrap());
    succeed(folder, &["import", "model", "--project", "smol"]);
    let greedy = ["--temperature", "0", "--max-tokens", "8"];
    let said = chat_with(folder, "smol", &format!("{question}\n"), &greedy);
    assert!(!answer.is_empty() && said.trim_end() == answer.trim_end(), "{said:?} for {answer:?}");
}
