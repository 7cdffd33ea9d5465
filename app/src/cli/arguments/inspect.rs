//! Arguments of `inspect` and `provenance`.

use super::{DEFAULT_PROJECT, ModelArguments};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glasshouse_engine::protocol::View;
use glasshouse_engine::protocol::inspect::Edit;
use std::path::PathBuf;

/// `inspect`.
#[derive(Args, Debug)]
pub struct InspectArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// The checkpoint or milestone of this step, in place of --checkpoint
    #[arg(long, value_name = "N", conflicts_with = "checkpoint", allow_negative_numbers = true)]
    pub step: Option<u64>,
    /// What the model is at work on; may be repeated, and each prompt is looked at by itself
    #[arg(long, value_name = "TEXT", required = true)]
    pub prompt: Vec<String>,
    /// What to look at; several with commas between them. With --to all of them, unless some are named
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = views())]
    pub view: Vec<View>,
    /// The layer, from 0. All where a view has all, else the last, unless it is said
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub layer: Option<usize>,
    /// The head, from 0. With the view head, the first unless it is said; with attention as text, whose weights are printed: of the head with
    /// the most of one score unless it is said
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub head: Option<usize>,
    /// The position in the prompt, from 0; the last unless it is said
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub position: Option<usize>,
    /// The id of the token whose logit is attributed and whose neighbours are found; the likeliest next one, and the one at the position,
    /// unless it is said
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub token: Option<u32>,
    /// With the view neurons, look in the validation text for the passages that excite this one most
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub neuron: Option<usize>,
    /// How many are listed: candidates, neighbours, neurons, passages, matches
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// With the view what-if, change a part: head:LAYER:HEAD:FACTOR, attention:LAYER:FACTOR, mlp:LAYER:FACTOR, layer:LAYER:FACTOR (0 switches
    /// it off), or patch:LAYER:POSITION (the residual stream there is that of --other-prompt); may be repeated
    #[arg(long, value_name = "PART", value_parser = edit)]
    pub edit: Vec<Edit>,
    /// With the view what-if, also switch off each head and each MLP by itself
    #[arg(long)]
    pub every_part: bool,
    /// With the view what-if, the prompt that a patched residual comes from
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub other_prompt: String,
    /// With the view embeddings, turn the map towards that of the checkpoint or milestone of this step, so that maps of several steps compare
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub align_with: Option<u64>,
    /// With the view weights, also read the run's milestones
    #[arg(long)]
    pub along_run: bool,
    /// How the next token would be drawn
    #[command(flatten)]
    pub drawn: DrawnArguments,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Write a folder in place of text: a safetensors file for each view, and inspection.json, which says what is in them
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    pub to: Option<PathBuf>,
    /// Take the place of an earlier inspection
    #[arg(long, requires = "to")]
    pub force: bool,
    /// One JSON object, with all entries, instead of text
    #[arg(long)]
    pub json: bool,
}

/// How the next token would be drawn, for the view next-token.
#[derive(Args, Clone, Copy, Debug)]
pub struct DrawnArguments {
    /// With the view next-token: divides the logits
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,
    /// With the view next-token: draw among the k likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0, allow_negative_numbers = true)]
    pub top_k: usize,
    /// With the view next-token: draw among the likeliest tokens that reach this probability together; 1 is all
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f32,
    /// With the view next-token: leave out tokens less likely than this share of the likeliest
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true)]
    pub min_p: f32,
    /// With the view next-token: above 1, tokens of the prompt become less likely
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
}

/// `provenance`.
#[derive(Args, Debug)]
pub struct ProvenanceArguments {
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run by number, name or title, whose training text is searched; the latest unless said
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// The text whose spans are looked for
    #[arg(long, value_name = "TEXT")]
    pub text: String,
    /// Spans that are listed at most, the longest ones
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// One JSON object instead of text. Documents are counted from 0 there, and `longest` is of the tokens behind the first `cut`
    #[arg(long)]
    pub json: bool,
}

/// Takes a view's name; help, completions and what is said of another one list them all.
fn views() -> impl TypedValueParser<Value = View> {
    PossibleValuesParser::new(View::ALL.map(View::name)).try_map(|name| name.parse::<View>())
}

/// A change to a model at work, as it is typed.
fn edit(text: &str) -> Result<Edit, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text:?} is no whole number"));
    let scale = |text: &str| match text.parse::<f32>() {
        Ok(factor) if factor.is_finite() => Ok(factor),
        _ => Err(format!("{text:?} is no factor; 0 switches a part off")),
    };
    let parts: Vec<&str> = text.split(':').collect();
    Ok(match parts[..] {
        ["head", layer, head, factor] => {
            Edit::Head { layer: number(layer)?, head: number(head)?, factor: scale(factor)? }
        }
        ["attention", layer, factor] => Edit::Attention { layer: number(layer)?, factor: scale(factor)? },
        ["mlp", layer, factor] => Edit::Mlp { layer: number(layer)?, factor: scale(factor)? },
        ["layer", layer, factor] => Edit::Layer { layer: number(layer)?, factor: scale(factor)? },
        ["patch", layer, position] => Edit::Patch { layer: number(layer)?, position: number(position)? },
        _ => {
            return Err("expected head:LAYER:HEAD:FACTOR, attention:LAYER:FACTOR, mlp:LAYER:FACTOR, layer:LAYER:FACTOR or \
                        patch:LAYER:POSITION"
                .to_owned());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_read_and_what_is_none_is_told_how_it_would_be_one() {
        assert_eq!(edit("head:1:2:0"), Ok(Edit::Head { layer: 1, head: 2, factor: 0.0 }));
        assert_eq!(edit("mlp:0:-1.5"), Ok(Edit::Mlp { layer: 0, factor: -1.5 }));
        assert_eq!(edit("patch:3:4"), Ok(Edit::Patch { layer: 3, position: 4 }));
        for (typed, said) in [
            ("head:1:2", "head:LAYER:HEAD:FACTOR"),
            ("heads:1:2:0", "mlp:LAYER:FACTOR"),
            ("layer:x:0", "\"x\" is no whole number"),
            ("layer:0:nan", "\"nan\" is no factor"),
        ] {
            let problem = edit(typed).unwrap_err();
            assert!(problem.contains(said), "{typed}: {problem}");
        }
    }
}
