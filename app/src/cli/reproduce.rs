//! `glasshouse reproduce`: repeats a published run and compares the result.

mod book;
mod exercise;
mod rows;

pub(super) use book::reproduce;

use super::fetch;
use super::prelude::*;
use exercise::{EXERCISES, Exercise};
use glasshouse_documents::catalogue::{self, fetch::sha256};

/// The named file, or the catalogue's text of that name. Other content is refused if a figure is compared. `None` if a signal
/// ended the download.
fn data(name: &str, arguments: &ReproduceArguments, compared: bool) -> Result<Option<PathBuf>> {
    let entry = catalogue::find(name)?;
    let Some(file) = &arguments.data else {
        return fetch::fetched(entry.name, None, arguments.json);
    };
    if sha256(file)? != entry.sha256 {
        let bytes = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
        let length = if bytes == entry.length.bytes() {
            ", though it has the same size".to_owned()
        } else {
            format!(": it has {bytes} bytes instead of {}", entry.length.bytes())
        };
        let other = format!("{} is not {}{length}", file.display(), entry.title);
        if compared {
            misuse!("{other}; the published figure is for that text: leave --data out to download it");
        }
        tell!("note: {other}; there will be no verdict");
    }
    Ok(Some(file.clone()))
}

#[derive(Args, Debug)]
pub struct ReproduceArguments {
    /// Published run: of the preset of this name, or an exercise of Raschka 2024, "Build a large language model (from scratch)"
    #[arg(value_parser = one_of(EXERCISES.iter().map(|own| (own.name.as_str(), own.about.clone(), own))))]
    run: &'static Exercise,
    /// Data file, verified by checksum [default: downloaded like `glasshouse data fetch NAME`]
    ///
    /// Datasets: tiny-shakespeare, the-verdict, sms-spam, book-instructions, book-preferences.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// GPT-2 for spam, sft and dpo: a Hugging Face folder or a URL [default for dpo: the project's latest `sft` run]
    #[arg(long, value_name = "DIR|URL", conflicts_with = "resume")]
    pub weights: Option<String>,
    /// Change a setting, as in `train`; may be repeated, and gives no verdict
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", conflicts_with = "resume")]
    pub set: Vec<String>,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name)]
    pub device: Option<String>,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<usize>,
    /// Number of steps other than the published run's; gives no verdict
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Resume an interrupted reproduction, the project's latest run
    #[arg(long, conflicts_with_all = ["data", "steps"])]
    pub resume: bool,
    /// Project folder; an existing project gets a new run unless resumed
    #[arg(long, value_name = "DIR", default_value = "glasshouse-reproduce")]
    pub project: PathBuf,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

impl ReproduceArguments {
    /// The options shared with `train`.
    fn training(&self) -> TrainArguments {
        let Self { project, device, threads, json, .. } = self;
        let (project, device, threads, json) = (project.clone(), device.clone(), *threads, *json);
        TrainArguments { project, device, threads, json, ..TrainArguments::default() }
    }
}
