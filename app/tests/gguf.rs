//! Models as GGUF files through the command line, a session's commands and the window.

use crate::sharing::write_template;
use crate::support::play::{options, play, use_project};
use crate::support::program::{RUN, error_of, folder, installed, program, succeed, train, write_stories};
use crate::support::{self, forget, repository, sent};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::App;
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_engine::session;
use glasshouse_protocol::{
    Command, Envelope, Event, Export, ExportFormat, LogitDifference, ModelSource, Report, Request,
    SecondReader, Verification, WeightFormat, answer,
};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// The file that a browser would download.
fn download(shelf: &Path, project: &Path, format: ExportFormat) -> (String, Vec<u8>) {
    let (requests, inbox) = async_channel::unbounded();
    let send = |id, command| requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
    send(1, use_project(project.to_owned(), false));
    send(2, Export::Model { run: RUN.to_owned(), checkpoint: None, format }.to(None, false));
    let heard = Rc::new(RefCell::new(None));
    let ear = heard.clone();
    let tell = move |envelope: Envelope<Report>| match envelope.body.event {
        Event::Exported(answer::Exported { name, path, .. }) => {
            assert_eq!(path, None);
            *ear.borrow_mut() = envelope.bytes.into_iter().next().map(|bytes| (name, bytes));
        }
        Event::Failed { error } => panic!("{}", error.message),
        // Work in progress is cancelled when its requests end.
        Event::Finished if envelope.body.request == Some(2) => {
            requests.close();
        }
        _ => {}
    };
    pollster::block_on(session::run(options(shelf), inbox, tell));
    heard.take().unwrap()
}

#[test]
fn a_model_goes_out_as_gguf_and_comes_in_again() {
    let (folder, _) = folder();
    let folder = folder.path();
    let write = |project: &str| {
        let write = ["generate", "--project", project, "--prompt", "The", "--temperature", "0"];
        succeed(folder, &[&write[..], &["--max-tokens", "8"]].concat())
    };
    let mut sizes = Vec::new();
    for quantization in ["f32", "f16", "q8_0", "q4_0"] {
        let file = format!("{quantization}.gguf");
        // The name says the format.
        let export = ["export", "--project", "first", "--to", &file];
        let said = succeed(folder, &[&export[..], &["--quantization", quantization]].concat());
        assert!(said.starts_with(&format!("{file}\n{file}.Modelfile\nopened by ")), "{said}");
        let largest = said.split_once("largest logit difference ").unwrap().1.split(';').next().unwrap();
        // F16 rounds weights, and llama.cpp's GELU is another than this model's.
        assert!(!["f32", "f16"].contains(&quantization) || largest.parse::<f32>().unwrap() < 0.1, "{said}");
        let modelfile = std::fs::read_to_string(folder.join(format!("{file}.Modelfile"))).unwrap();
        assert!(
            modelfile.contains(&format!(
                "FROM ./{file}\nTEMPLATE \"\"\"{{{{ .Prompt }}}}\"\"\"\nPARAMETER num_ctx 16\n"
            )),
            "{modelfile}"
        );
        let project = format!("from-{quantization}");
        let said = succeed(folder, &["import", &file, "--project", &project]);
        let run = format!("1-{}", quantization.replace('_', "-"));
        assert!(said.starts_with(&format!("{run}: GPT2LMHeadModel, ")), "{said}");
        assert!(succeed(folder, &["runs", "--project", &project]).contains("imported"));
        sizes.push(std::fs::metadata(folder.join(&file)).unwrap().len());
    }
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");

    // A re-exported model is identical, whatever its name.
    let once_more =
        ["export", "--project", "from-f32", "--format", "gguf", "--quantization", "f32", "--to", "f32"];
    let said = succeed(folder, &[&once_more[..], &["--json"]].concat());
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["files"], serde_json::json!(["f32", "f32.Modelfile"]));
    let verification: Verification = serde_json::from_value(said["verification"].clone()).unwrap();
    let LogitDifference { largest, predictions, same_first } = verification.difference;
    assert!(predictions > 0 && same_first == predictions, "{verification}");
    assert!(
        verification.texts.iter().all(|text| text.same_tokens && text.run == text.file),
        "{verification}"
    );
    if verification.reader == SecondReader::Glasshouse {
        assert_eq!(largest, 0.0, "the same weights");
    }
    let [one, other] = ["f32", "f32.gguf"].map(|name| std::fs::read(folder.join(name)).unwrap());
    let weights = sizes[0] as usize / 2;
    assert!(one[one.len() - weights..] == other[other.len() - weights..]);
    assert!(succeed(folder, &["import", "f32", "--project", "again"]).starts_with("1-f32: "));
    assert_eq!(write("again"), write("from-f32"));

    // Nothing is replaced without permission, and no partial file remains.
    let again = ["export", "--project", "first", "--format", "gguf", "--to", "f32.gguf"];
    let error = error_of(folder, &again);
    assert!(error.contains("f32.gguf: it already exists") && error.ends_with("(--force)"), "{error}");
    assert_eq!(std::fs::metadata(folder.join("f32.gguf")).unwrap().len(), sizes[0]);
    succeed(folder, &[&again[..], &["--force"]].concat());
    assert_eq!(
        std::fs::metadata(folder.join("f32.gguf")).unwrap().len(),
        sizes[2],
        "q8_0 where nothing is said"
    );
    for (to, choice, advice) in [
        ("x", ["--quantization", "f16"], "add --format gguf, or choose --precision"),
        ("x.gguf", ["--precision", "f16"], "--precision is for Hugging Face folders; use --quantization"),
    ] {
        let error = error_of(folder, &[&["export", "--project", "first", "--to", to][..], &choice].concat());
        assert!(error.contains(advice), "{error}");
    }

    // Neither is a Modelfile.
    std::fs::rename(folder.join("f32.gguf"), folder.join("aside.gguf")).unwrap();
    let error = error_of(folder, &again);
    assert!(
        error.contains("f32.gguf.Modelfile: it already exists") && !folder.join("f32.gguf").exists(),
        "{error}"
    );
    std::fs::rename(folder.join("aside.gguf"), folder.join("f32.gguf")).unwrap();

    // A session's file for a page, and one with a given path.
    let format = ExportFormat::Gguf { quantization: Some(WeightFormat::Q8_0) };
    let (name, bytes) = download(folder, &folder.join("first"), format);
    assert_eq!(name, format!("{RUN}-q8_0.gguf"));
    assert!(bytes == std::fs::read(folder.join("f32.gguf")).unwrap());
    let to = Some(folder.join("sent.gguf"));
    let run = RUN.to_owned();
    let heard = play(
        folder,
        vec![
            use_project(folder.join("first"), false),
            Export::Model { run, checkpoint: None, format }.to(to, true),
        ],
    )
    .unwrap();
    let said =
        |event: &Event| matches!(event, Event::Exported(answer::Exported { files, .. }) if files.len() == 2);
    assert!(heard.iter().any(said), "{heard:?}");
    assert!(bytes == std::fs::read(folder.join("sent.gguf")).unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.join("first/runs").join(RUN)).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains("partial")), "{left:?}");
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_in_the_middle_leaves_nothing() {
    let (folder, _) = folder();
    let folder = folder.path();
    train(folder, &folder.join("adapted"), &["--stop-after", "1"]);
    let from = ["train", "--project", "adapted", "--from", "latest", "--device", "cpu", "--threads", "2"];
    let adapter = ["--steps", "6", "--adapter", "lora", "--set", "adapter.rank=32"];
    succeed(folder, &[&from[..], &adapter].concat());
    std::fs::create_dir(folder.join("out")).unwrap();
    write_template(folder, 100_000);
    // Many tokens for the smallest possible model.
    write_stories(folder, 400);
    let tiny = ["--set", "model.width=8", "--set", "model.head_size=4", "--set", "model.mlp.hidden=8"];
    train(folder, &folder.join("tiny"), &[&tiny[..], &["--stop-after", "1"]].concat());
    for (kilobytes, arguments, named) in [
        (20, "export --project first --format gguf --quantization f32 --to out/m.gguf", "out/m.gguf: "),
        (20, "export --project first --to out/model", "model.safetensors: "),
        (
            20,
            "export --project adapted --checkpoint latest --format peft --to out/adapter",
            "adapter_model.safetensors: ",
        ),
        (20, "bundle export --project first --to out/bundle --steps 1 --device cpu", "model.safetensors: "),
        // The page, larger than its model.
        (60, "share --project first --page dist --to out/site", "index.html: "),
        (60, "share --project first --page dist --to out/owl.html", ".html: "),
        // This file has no reserved space; weights and moments are written by then.
        (200, "bundle export --project tiny --to out/bundle --steps 1 --device cpu", "data/train.bin: "),
    ] {
        // Limits the file size in KiB, like a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" {arguments}");
        let output = std::process::Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_glasshouse")])
            .current_dir(folder)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {told}");
        assert!(told.contains(named), "{arguments}: {told}");
        let left: Vec<_> = std::fs::read_dir(folder.join("out")).unwrap().flatten().collect();
        assert!(left.is_empty(), "{arguments}: {left:?}");
    }
}

/// Exports with a folder's programs before all others, and returns standard output and standard error.
#[cfg(unix)]
fn export_beside(folder: &Path, programs: &Path, arguments: &[&str]) -> (String, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = program(folder)
        .args(["export", "--project", "first", "--format", "gguf", "--to", "m.gguf", "--force"])
        .args(arguments)
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()
        .unwrap();
    let [said, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{arguments:?}: {told}");
    (said, told)
}

#[cfg(unix)]
#[test]
fn a_file_that_llama_cpp_rejects_is_read_by_our_importer() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _) = folder();
    let folder = folder.path();
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).unwrap();
    let server = programs.join("llama-server");
    for (script, why) in [
        (
            "echo 'error loading model: unknown architecture' >&2; exit 1",
            "error loading model: unknown architecture",
        ),
        ("exit 0", "llama-server ended: without a message"),
    ] {
        std::fs::write(&server, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&server, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (said, told) = export_beside(folder, &programs, &[]);
        assert!(told.contains("llama.cpp did not open the file") && told.contains(why), "{told}");
        assert!(said.contains("opened by Glasshouse's importer"), "{said}");
    }
}

/// A server of the same requests and answers as llama.cpp's, over its Node package.
#[cfg(unix)]
#[test]
fn slow_llama_cpp_opens_an_export() {
    let (folder, _) = folder();
    let folder = folder.path();
    let programs = installed("llama_cpp");
    // It needs the packages there.
    std::fs::copy(repository().join("tests/llama_cpp/llama-server"), programs.join("llama-server")).unwrap();
    for (quantization, most) in [("f32", 0.02), ("f16", 0.05), ("q8_0", 1.0)] {
        let (said, told) = export_beside(folder, &programs, &["--quantization", quantization, "--json"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let found: Verification = serde_json::from_value(said["verification"].clone()).unwrap();
        println!("{quantization}: {found}");
        assert!(matches!(found.reader, SecondReader::LlamaCpp { .. }), "{told}");
        assert!(found.difference.largest < most && found.difference.predictions >= 20, "{found}");
        assert!(found.texts.iter().all(|text| text.same_tokens), "{found}");
        assert!(quantization != "f32" || found.texts.iter().all(|text| text.run == text.file), "{found}");
    }
}

fn press(window: &mut Harness<'_, App>, name: &str) {
    let role = if window.query_by_role_and_label(Role::Button, name).is_some() {
        Role::Button
    } else {
        Role::RadioButton
    };
    window.get_by_role_and_label(role, name).click();
    window.run_steps(3);
}

#[test]
fn the_window_asks_what_a_model_is_written_as() {
    let mut window = support::on(PageName::Runs, [1280.0, 900.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    window.run_steps(3);
    press(&mut window, "Export model");
    assert!(window.query_by_label("Export 2-llama-tiny").is_some());
    press(&mut window, "Cancel");
    assert!(window.query_by_label("Export 2-llama-tiny").is_none());
    press(&mut window, "Export model");
    press(&mut window, "GGUF file");
    press(&mut window, "q4_0");
    assert!(support::contains(&window, "4.5 bits per weight"));
    press(&mut window, "q8_0");
    press(&mut window, "Web page");
    assert!(support::contains(&window, "In 16 bits per weight"));
    press(&mut window, "Cancel");
    press(&mut window, "Share");
    assert!(support::contains(&window, "One file that runs the model"));

    // The place is chosen in a system dialog, whose result is simulated. It asks only about files that exist.
    let answer = |window: &mut Harness<'_, App>, wish: Wish, name: &str| {
        forget(window.state_mut());
        let files = Ok(vec![Chosen { name: name.to_owned(), bytes: None }]);
        window.state_mut().answer(Answer { wish, files });
        window.run_steps(2);
        let models = |command: &Command| {
            matches!(
                command,
                Command::Export { what: Export::Model { .. }, .. } | Command::LookAtModel { from: Some(_) }
            )
        };
        sent(window.state_mut()).into_iter().find(models)
    };
    let run = || "2-llama-tiny".to_owned();
    for (format, chosen, to) in [
        (ExportFormat::Gguf { quantization: Some(WeightFormat::Q8_0) }, "/models/m.gguf", "/models/m.gguf"),
        (ExportFormat::PAGE, "/models/m.html", "/models/m.html"),
        (ExportFormat::default(), "/models", "/models/2-llama-tiny"),
    ] {
        let wish = Wish::ExportModel { run: run(), format };
        let to = Some(to.into());
        let command = Export::Model { run: run(), checkpoint: None, format }.to(to, true);
        assert_eq!(answer(&mut window, wish, chosen), Some(command));
    }
    let from = "/models/m.gguf";
    let command = Command::LookAtModel { from: Some(ModelSource::Path { path: from.into() }) };
    assert_eq!(answer(&mut window, Wish::ImportModelFile, from), Some(command));
}
