//! Generated rows that a run learns in place of a text.

use super::{DataConfig, RunConfig};
use crate::setting::choices;

choices! {
    /// Generated rows to train on instead of a text. Only the end of a row, its answer, counts in the loss.
    pub enum Synthetic = None {
        /// Learn the text.
        None = "none", "none";
        /// `a+b=c`, where c is a + b modulo 59 and each number is one character. 40 % of the unordered pairs are held out.
        ///
        /// Power et al. 2022, "Grokking", arXiv:2201.02177.
        ModularAddition = "modular_addition", "Modular addition";
        /// 8 to 16 different random letters, repeated up to 32 letters; the answer begins one letter into the repetition.
        ///
        /// Olsson et al. 2022, "In-context learning and induction heads", arXiv:2209.11895.
        Induction = "induction", "Induction";
        /// The sum of two ten-digit numbers, all written with the last digit first.
        ///
        /// Lee et al. 2023, "Teaching arithmetic to small transformers", arXiv:2307.03381.
        Addition = "addition", "Ten-digit addition";
        /// Twenty-four parentheses, and whether they are balanced: `(()…)=y` or `())(…=n`.
        Parentheses = "parentheses", "Parentheses";
    }
}

impl Synthetic {
    pub fn is_none(self) -> bool {
        self == Self::None
    }
}

impl RunConfig {
    /// These settings on the device of `draft`, and on its text unless they have generated rows.
    #[must_use]
    pub fn on_text_of(self, draft: &Self) -> Self {
        let data = match self.data.synthetic {
            Synthetic::None => DataConfig { synthetic: Synthetic::None, ..draft.data.clone() },
            _ => self.data,
        };
        Self { data, device: draft.device.clone(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;

    #[test]
    fn generated_rows_and_a_text_do_not_mix() {
        let mut text = preset("nanogpt-cpu").unwrap();
        text.data.paths = vec!["owls.txt".to_owned()];
        let rows = preset("grokking").unwrap();
        let grokking = rows.clone().on_text_of(&text);
        assert_eq!((&grokking.data, grokking.validate()), (&rows.data, Ok(())));
        let back = text.clone().on_text_of(&grokking);
        assert_eq!((back.data.synthetic, back.validate()), (Synthetic::None, Ok(())));
        assert_eq!(text.clone().on_text_of(&text), text);
    }
}
