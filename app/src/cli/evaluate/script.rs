//! `glasshouse evaluate --script`: writes a Python program and rows, so that models which do not run here can answer the same
//! tasks.

use super::*;
use glasshouse_engine::data::recipes::write_lines;
use glasshouse_engine::evaluation::tasks::TaskFile;

const PROGRAM: &str = include_str!("answer.py");
const NAME: &str = "answer.py";

/// Writes the program and each task's rows into a folder.
pub(super) fn write(arguments: &EvaluateArguments, folder: &Path) -> Result<()> {
    let mut rows = Vec::with_capacity(arguments.task.len());
    for given in &arguments.task {
        let (described, file) = named(given)?;
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let name = file.display().to_string();
        let task = TaskFile::read_as(&described, &name, &bytes, arguments.rows)?;
        for (line, reason) in &task.broken {
            report!("note: {} line {line} left out: {reason}", task.name);
        }
        let stem = task.name.strip_suffix(".jsonl").unwrap_or(&task.name).to_owned();
        rows.push((stem, task.questions(arguments.max_tokens)?));
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let names = rows.iter().map(|(stem, _)| format!("{stem}.rows.jsonl")).chain([NAME.to_owned()]);
    if let Some(there) = names.map(|name| folder.join(name)).find(|path| path.exists() && !arguments.force) {
        misuse!("{} exists already; name another folder, or use --force", there.display());
    }
    let program = folder.join(NAME);
    std::fs::write(&program, PROGRAM).with_context(|| program.display().to_string())?;
    for (stem, lines) in &rows {
        write_lines(&folder.join(format!("{stem}.rows.jsonl")), lines)?;
    }
    say!("{}: get answers from any model of transformers:", folder.display())?;
    say!("  python {} --model google/flan-t5-small", quoted(&program))?;
    for (file, (stem, _)) in arguments.task.iter().zip(&rows) {
        let results = folder.join(format!("{stem}.results.jsonl"));
        let [project, file, results] = [&arguments.model.of.project, file, &results].map(|path| quoted(path));
        say!(
            "  glasshouse evaluate --project {project} --task {file} --with-results {results} --name flan-t5-small"
        )?;
    }
    Ok(())
}
