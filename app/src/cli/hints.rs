//! Flags and commands for the engine's hints.

use super::driver::report_of;
use super::settings::Usage;
use glasshouse_engine::protocol::Hint;

/// The flags for an error's hints, in parentheses; empty if it has none.
pub(super) fn of_error(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(Usage(_, hint)) => words(hint.as_slice()),
        None => report_of(error).map_or_else(String::new, |report| words(&report.hints)),
    }
}

/// The flags for hints, in parentheses; empty if there are none.
pub(super) fn words(hints: &[Hint]) -> String {
    let flags: Vec<&str> = hints.iter().copied().map(flag).collect();
    if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(", ")) }
}

fn flag(hint: Hint) -> &'static str {
    match hint {
        Hint::Replace => "--force",
        Hint::Destination => "--to",
        Hint::Project => "--project",
        Hint::Run => "--run",
        Hint::NewRun => "glasshouse train --from",
        Hint::DeleteRun => "glasshouse runs delete",
        Hint::Start => "--from",
        Hint::OneStep => "--stop-after 1",
        Hint::PrepareAgain => "glasshouse train --config run.toml --stop-after 1",
        Hint::F32 => "--precision f32",
        Hint::WeightsF32 => "--weights f32",
        Hint::Cpu => "--device cpu",
        Hint::ContextLength => "--context-length",
        Hint::NoAdapter => "--adapter none",
        Hint::ExportAdapter => "--format peft",
        Hint::MergeAdapter => "glasshouse merge --adapter",
        Hint::ChatObjective => "--objective chat",
        Hint::ClassifyObjective => "--objective classify",
        Hint::TrainModeration => "glasshouse evaluate moderate --train rows.jsonl",
        Hint::Task => "--task",
        Hint::Rows => "--data",
        Hint::Evaluate => "glasshouse evaluate",
        Hint::Audit => "glasshouse evaluate audit",
        Hint::AuditPairs => "glasshouse evaluate audit --section bias --pairs FILE",
        Hint::TrainerOutput => "--out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::evaluation::tasks::TaskFile;
    use glasshouse_engine::formats::Found;
    use glasshouse_engine::project::{Beginning, Project, archive};
    use glasshouse_engine::protocol::{Objective, RunConfig, presets};
    use glasshouse_engine::{Error, storage};
    use std::fs;
    use std::path::Path;

    fn flags(error: impl Into<anyhow::Error>) -> String {
        of_error(&error.into().context("of a command"))
    }

    fn preset(change: impl FnOnce(&mut RunConfig)) -> RunConfig {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        change(&mut config);
        config
    }

    fn place(folder: &Path, replace: bool) -> Error {
        storage::check_place(folder, "a model", &["model.bin"], replace).unwrap_err()
    }

    #[test]
    fn errors_of_the_engine_name_a_flag() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").unwrap();
        for name in ["empty", "foreign", "ours", "peft"] {
            fs::create_dir(path(name)).unwrap();
        }
        fs::write(path("foreign/other.txt"), "").unwrap();
        fs::write(path("ours/model.bin"), "").unwrap();
        fs::write(path("peft/adapter_config.json"), "{}").unwrap();
        let project = Project::open_or_create(&path("project")).unwrap();
        let invalid = preset(|config| config.train.objective = Objective::Chat).validate().unwrap_err();
        let adapter = preset(|config| config.set("train.adapter=lora").unwrap());
        let pairs = br#"{"sent_more":"a","sent_less":"b"}"#;
        for (error, expected) in [
            (place(&path("file"), false), " (--to)"),
            (place(&path("foreign"), true), " (--to)"),
            (place(&path("ours"), false), " (--force)"),
            (Project::open(&path("nowhere")).err().unwrap(), " (--project)"),
            (Project::open(&path("empty")).err().unwrap(), " (--project)"),
            (
                archive::unpack_file(&path("file"), &path("project"), false).err().unwrap(),
                " (--force, --project)",
            ),
            (archive::unpack_file(&path("file"), &path("empty"), true).err().unwrap(), " (--project)"),
            (Beginning::find(&project, &adapter).err().unwrap(), " (--from)"),
            (Found::look(&path("peft"), None).err().unwrap(), " (glasshouse merge --adapter)"),
            (
                TaskFile::read("rows.jsonl", pairs, None).err().unwrap(),
                " (glasshouse evaluate audit --section bias --pairs FILE)",
            ),
            (invalid.into(), " (--from)"),
            (glasshouse_documents::Error::Refused(String::new()).hint(Hint::Replace).into(), " (--force)"),
            (Error::Refused(String::new()), ""),
        ] {
            assert_eq!(flags(error), expected);
        }
    }
}
