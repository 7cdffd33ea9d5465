//! Arguments of `inspect` and `provenance`.

use super::{DEFAULT_PROJECT, ModelArguments};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glasshouse_engine::protocol::View;
use glasshouse_engine::protocol::inspect::Edit;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct InspectArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Step of a checkpoint or milestone, instead of --checkpoint
    #[arg(long, value_name = "N", conflicts_with = "checkpoint", allow_negative_numbers = true)]
    pub step: Option<u64>,
    /// Prompt; may be repeated, and each prompt is inspected separately
    #[arg(long, value_name = "TEXT", required = true)]
    pub prompt: Vec<String>,
    /// Views, separated by commas [default with --to: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = views())]
    pub view: Vec<View>,
    /// Layer index, from 0 [default: all, or the last for single-layer views]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub layer: Option<usize>,
    /// Head index, from 0
    ///
    /// Default: the first for the view head; for attention printed as text, the head with the highest score.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub head: Option<usize>,
    /// Position in the prompt, from 0 [default: the last]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub position: Option<usize>,
    /// Token id whose logit is attributed and whose neighbours are found
    ///
    /// Default: the likeliest next token for attribution, the token at the position for neighbours.
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub token: Option<u32>,
    /// With the view neurons: neuron whose most activating passages in the validation text are searched
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub neuron: Option<usize>,
    /// Number of candidates, neighbours, neurons, passages or matches to list
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// With the view what-if: scale or patch a part; may be repeated
    ///
    /// head:LAYER:HEAD:FACTOR, attention:LAYER:FACTOR, mlp:LAYER:FACTOR or layer:LAYER:FACTOR (0 ablates it), or patch:LAYER:POSITION (takes
    /// the residual stream there from --other-prompt)
    #[arg(long, value_name = "PART", value_parser = edit)]
    pub edit: Vec<Edit>,
    /// With the view what-if: also ablate each head and each MLP separately
    #[arg(long)]
    pub every_part: bool,
    /// With the view what-if: prompt that a patched residual comes from
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub other_prompt: String,
    /// With the view embeddings: align the map with that of this step
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub align_with: Option<u64>,
    /// With the view weights: also read the run's milestones
    #[arg(long)]
    pub along_run: bool,
    #[command(flatten)]
    pub drawn: DrawnArguments,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Write a folder: a safetensors file per view, and inspection.json, which describes them
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    pub to: Option<PathBuf>,
    /// Replace an earlier inspection
    #[arg(long, requires = "to")]
    pub force: bool,
    /// Print one JSON object with all entries
    #[arg(long)]
    pub json: bool,
}

/// How the next token would be drawn, for the view next-token.
#[derive(Args, Clone, Copy, Debug)]
pub struct DrawnArguments {
    /// With the view next-token: temperature, which divides the logits
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,
    /// With the view next-token: sample from the k likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0, allow_negative_numbers = true)]
    pub top_k: usize,
    /// With the view next-token: sample from the likeliest tokens with this total probability; 1 is all
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f32,
    /// With the view next-token: exclude tokens below this share of the highest probability
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true)]
    pub min_p: f32,
    /// With the view next-token: penalty for tokens of the prompt; 1 is none
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
}

#[derive(Args, Debug)]
pub struct ProvenanceArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run whose training text is searched: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Text to search for
    #[arg(long, value_name = "TEXT")]
    pub text: String,
    /// Maximum number of spans, longest first
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// Print one JSON object
    ///
    /// Documents are counted from 0, and `longest` covers the tokens after the first `cut`.
    #[arg(long)]
    pub json: bool,
}

/// Parses a view; help, completions and errors list all of them.
fn views() -> impl TypedValueParser<Value = View> {
    PossibleValuesParser::new(View::ALL.map(View::name)).try_map(|name| name.parse::<View>())
}

fn edit(text: &str) -> Result<Edit, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text:?} is not a whole number"));
    let scale = |text: &str| match text.parse::<f32>() {
        Ok(factor) if factor.is_finite() => Ok(factor),
        _ => Err(format!("{text:?} is not a factor; 0 ablates a part")),
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
            ("layer:x:0", "\"x\" is not a whole number"),
            ("layer:0:nan", "\"nan\" is not a factor"),
        ] {
            let problem = edit(typed).unwrap_err();
            assert!(problem.contains(said), "{typed}: {problem}");
        }
    }
}
