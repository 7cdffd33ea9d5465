//! Comparison of an exported file, or of merged weights, with the run.

use crate::WeightFormat;
use crate::quantity::counted;
use serde::{Deserialize, Serialize};

/// How far predictions of the next token are from the run's, after the same tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogitDifference {
    /// The largest absolute difference of a normalised logit (a log-probability).
    pub largest: f32,
    pub predictions: usize,
    /// Predictions whose most likely token is the same.
    pub same_first: usize,
}

impl std::fmt::Display for LogitDifference {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { largest, predictions, same_first } = self;
        let predictions = counted(*predictions as u64, "prediction");
        write!(
            to,
            "largest logit difference {largest:.1e}; the same most likely token in {same_first} of {predictions}"
        )
    }
}

/// The program that opened an exported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "program")]
pub enum SecondReader {
    /// llama.cpp's server, if it is installed.
    LlamaCpp { version: String },
    /// The importer, which reads the written file.
    Glasshouse,
}

impl std::fmt::Display for SecondReader {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LlamaCpp { version } => write!(to, "llama.cpp {version}"),
            Self::Glasshouse => to.write_str("Glasshouse's importer"),
        }
    }
}

/// Result of opening an exported file and comparing it with the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    pub reader: SecondReader,
    pub difference: LogitDifference,
    pub texts: Vec<VerifiedText>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedText {
    pub prompt: String,
    pub run: String,
    pub file: String,
    /// Whether the file's tokenizer splits the prompt into the same tokens.
    pub same_tokens: bool,
}

impl std::fmt::Display for Verification {
    /// A line about all predictions, and one for each text.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "opened by {}: {}", self.reader, self.difference)?;
        for VerifiedText { prompt, run, file, .. } in &self.texts {
            if run == file {
                write!(to, "\n{prompt:?} continues with {file:?}, as in the run")?;
            } else {
                write!(to, "\n{prompt:?} continues with {file:?}; in the run with {run:?}")?;
            }
        }
        Ok(())
    }
}

impl Verification {
    /// What suggests that the file is broken: other tokens, or predictions that rounding does not explain.
    pub fn fault(&self, quantization: WeightFormat) -> Option<String> {
        if let Some(text) = self.texts.iter().find(|text| !text.same_tokens) {
            return Some(format!("it tokenizes {:?} differently from the run", text.prompt));
        }
        let LogitDifference { largest, predictions, same_first } = self.difference;
        let is_close = if quantization.is_quantised() || quantization == WeightFormat::Gguf {
            // Rounding to few bits changes logits without a bound; broken files agree only by chance.
            2 * same_first >= predictions
        } else {
            // llama.cpp computes GELU and f16 products in 16 bits.
            largest <= 0.5
        };
        (!is_close).then(|| format!("its predictions differ from the run's ({})", self.difference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_no_fault_and_other_tokens_are() {
        let verification = |largest, same_first, same_tokens| Verification {
            reader: SecondReader::Glasshouse,
            difference: LogitDifference { largest, predictions: 10, same_first },
            texts: vec![VerifiedText {
                prompt: "The".to_owned(),
                run: " fox".to_owned(),
                file: " fox".to_owned(),
                same_tokens,
            }],
        };
        for (quantization, largest, same_first, is_fault) in [
            (WeightFormat::F32, 1e-4, 10, false),
            (WeightFormat::F32, 2.0, 10, true),
            (WeightFormat::F16, 0.1, 10, false),
            (WeightFormat::Q8_0, 2.0, 9, false),
            (WeightFormat::Q4_0, 0.5, 2, true),
        ] {
            let fault = verification(largest, same_first, true).fault(quantization);
            assert_eq!(fault.is_some(), is_fault, "{quantization:?} {largest} {same_first}: {fault:?}");
        }
        let text = "opened by Glasshouse's importer: largest logit difference 0.0e0; the same most likely token in 10 of 10 predictions\n\
                    \"The\" continues with \" fox\", as in the run";
        assert_eq!(verification(0.0, 10, true).to_string(), text);
        let fault = verification(0.0, 10, false).fault(WeightFormat::F32).unwrap();
        assert_eq!(fault, "it tokenizes \"The\" differently from the run");
    }

    #[test]
    fn it_is_plain_data() {
        let verification = Verification {
            reader: SecondReader::LlamaCpp { version: "b1".to_owned() },
            difference: LogitDifference { largest: 0.5, predictions: 1, same_first: 1 },
            texts: Vec::new(),
        };
        let json = serde_json::to_string(&verification).unwrap();
        assert!(json.starts_with(r#"{"reader":{"program":"llama_cpp","version":"b1"},"#), "{json}");
        assert_eq!(serde_json::from_str::<Verification>(&json).unwrap(), verification);
    }
}
