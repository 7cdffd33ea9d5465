//! The format of an exported model.

use crate::pages::prelude::*;

/// The dialog between "Export model" and the choice of a place, while requested.
pub fn ask_ui(ui: &Ui, context: &mut Context<'_>) {
    let (state, asked) = (context.state, &mut context.asks.export);
    let decision = question(ui.ctx(), "export", 440.0, asked, |ui, (run, format)| {
        let history = state.runs.histories.get(run.as_str());
        let adapts = history.is_some_and(|history| history.config.train.adapter.is_some());
        section(ui, &format!("Export {run}"));
        ui.add_space(space::TIGHT);
        format_ui(ui, format, adapts);
        reading_ui(ui, state, run);
        match format {
            ExportFormat::Link => (Some(icons::ICON_LINK), "Copy link", true),
            _ if FOLDERS => (Some(icons::ICON_DOWNLOAD), "Choose a place", true),
            _ => (Some(icons::ICON_DOWNLOAD), "Download", true),
        }
    });
    if let Some(((run, format), true)) = decision {
        context.asks.wish = Some(Wish::ExportModel { run, format });
    }
}

/// A spinner while the settings of a run are read, on which the choices depend.
pub fn reading_ui(ui: &mut Ui, state: &State, run: &str) {
    let reads = |command: &Command| matches!(command, Command::ReadRun { run: Some(own), .. } if own == run);
    if !state.runs.histories.contains_key(run) && state.is_waiting(reads) {
        spinning(ui, "Reading the run's settings…");
    }
}

/// Choices of a format, with the run's own first.
fn with_own<T: Copy, const COUNT: usize>(
    all: [T; COUNT],
    name: fn(T) -> &'static str,
) -> Vec<(Option<T>, &'static str)> {
    let all = all.into_iter().map(|each| (Some(each), name(each)));
    std::iter::once((None, "own")).chain(all).collect()
}

/// The formats; the adapter-only format only if the run has an adapter.
fn format_ui(ui: &mut Ui, format: &mut ExportFormat, adapts: bool) {
    let quantization = match *format {
        ExportFormat::Gguf { quantization } => quantization,
        _ => None,
    };
    let precision = match *format {
        ExportFormat::HuggingFace { precision } => precision,
        _ => None,
    };
    let page = match *format {
        ExportFormat::Page { .. } => *format,
        _ => ExportFormat::PAGE,
    };
    let mut choices = vec![
        (ExportFormat::HuggingFace { precision }, "Hugging Face folder"),
        (ExportFormat::Gguf { quantization }, "GGUF file"),
        (page, "Web page"),
    ];
    // A link begins with the address of a page.
    if !FOLDERS || crate::HOSTED_PAGE.is_some() {
        choices.push((ExportFormat::Link, "Link"));
    }
    if adapts {
        choices.push((ExportFormat::Peft, "Adapter"));
    }
    segmented(ui, format, &choices);
    ui.add_space(space::TIGHT);
    match format {
        ExportFormat::HuggingFace { precision } => {
            segmented(ui, precision, &with_own(FloatFormat::ALL, FloatFormat::name));
            let bits = match precision {
                Some(own) => own.title(),
                None => "the precision that the model was imported in, or 32 bits per weight",
            };
            quiet_text(ui, format!("For transformers, with a model card, in {bits}."));
        }
        ExportFormat::Peft => {
            quiet_text(ui, "The adapter only, for PEFT, on top of the run's base model.");
        }
        ExportFormat::Gguf { quantization } => {
            segmented(ui, quantization, &with_own(WeightFormat::EXPORTED, WeightFormat::name));
            let bits = match quantization {
                Some(own) => own.about(),
                None => "the run's own format, or 8.5 bits per weight if that is 32 bits",
            };
            let text = format!(
                "For llama.cpp and Ollama, in {bits}. The file is opened again and compared with the run."
            );
            quiet_text(ui, text);
        }
        ExportFormat::Page { weights, space } => {
            segmented(ui, weights, &WeightFormat::ALL.map(|each| (each, each.name())));
            quiet_text(ui, format!("In {}.", weights.about()));
            ui.checkbox(space, "For a Space on Hugging Face");
            let text = "One file that runs the model in any browser, without a server: to generate text, inspect the model, and open it in \
                        Glasshouse again.";
            quiet_text(ui, text);
        }
        ExportFormat::Link => {
            let text = "The whole model in a URL that opens here: for up to about 300,000 parameters, larger ones in fewer bits per weight. \
                        Nothing is uploaded.";
            quiet_text(ui, text);
        }
    }
}
