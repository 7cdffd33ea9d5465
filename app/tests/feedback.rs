//! Feedback on replies, on the command line.

use crate::support::program::{error_of, folder, lines, succeed};

fn feedback<'typed>(more: &[&'typed str]) -> Vec<&'typed str> {
    [&["feedback", "--project", "first"][..], more].concat()
}

#[test]
fn feedback_is_listed_removed_and_exported() {
    let (folder, _) = folder();
    let folder = folder.path();
    assert!(succeed(folder, &feedback(&[])).contains("no feedback"));
    assert!(error_of(folder, &feedback(&["--export", "out"])).contains("no feedback"));

    let message = |role: &str, text: &str| format!(r#"{{"role":"{role}","content":"{text}"}}"#);
    let (who, ada, eva) =
        (message("user", "Who was it?"), message("assistant", "Ada."), message("assistant", "Eva."));
    let rows = [
        format!(r#"{{"prompt":[{who}],"completion":[{ada}],"label":true,"run":"1-a","when":7}}"#),
        format!(r#"{{"messages":[{who},{eva}],"run":"1-a","when":8}}"#),
        format!(r#"{{"prompt":[{who}],"chosen":[{eva}],"rejected":[{ada}],"run":"2-b","when":9}}"#),
    ];
    std::fs::write(folder.join("first/feedback.jsonl"), rows.join("\n")).unwrap();
    let listed = succeed(folder, &feedback(&[]));
    let shown: Vec<&str> = listed.lines().collect();
    assert_eq!(shown.len(), 3, "{listed}");
    for (line, wanted) in shown.iter().zip(["good", "better reply", "pair"]) {
        assert!(line.contains(wanted) && line.contains("Who was it?"), "{line}");
    }
    assert!(shown[2].contains("2-b") && shown[2].contains("Eva.  over  Ada."), "{listed}");
    assert_eq!(lines(&succeed(folder, &feedback(&["--json"]))), lines(&rows.join("\n")));

    let files = succeed(folder, &feedback(&["--export", "out"]));
    assert_eq!(files.lines().count(), 3, "{files}");
    let text = |name: &str| std::fs::read_to_string(folder.join("out").join(name)).unwrap();
    for (name, row) in ["labels.jsonl", "chat.jsonl", "preferences.jsonl"].iter().zip(&rows) {
        assert_eq!(text(name), format!("{row}\n"));
    }
    assert!(error_of(folder, &feedback(&["--export", "out"])).contains("--force"));
    succeed(folder, &feedback(&["--export", "one", "--one"]));
    assert_eq!(std::fs::read_to_string(folder.join("one/feedback.jsonl")).unwrap(), rows.join("\n") + "\n");

    let rest = succeed(folder, &feedback(&["--remove", "2"]));
    assert_eq!(rest.lines().count(), 2, "{rest}");
    assert!(error_of(folder, &feedback(&["--remove", "3"])).contains("no row 3"));
    std::fs::write(folder.join("first/feedback.jsonl"), format!("{}\n{{}}\n", rows[0])).unwrap();
    let error = error_of(folder, &feedback(&[]));
    assert!(error.contains("feedback.jsonl") && error.contains("line 2"), "{error}");
}
