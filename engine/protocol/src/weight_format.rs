//! Storage formats of weight matrices.

use crate::setting::choices;
use crate::{Invalid, require};

choices! {
    /// How matrices are stored, in memory and in files. Norms, biases, position tables, and matrices whose rows are not whole blocks
    /// stay in 32 bits.
    #[derive(Hash)]
    pub enum WeightFormat = F32 {
        /// 32-bit floats, as trained.
        F32 = "f32", "32 bits";
        /// 16-bit floats (IEEE 754 binary16).
        F16 = "f16", "16 bits";
        /// 8 bits per weight and a 16-bit scale for every 32 weights of a row, as in GGUF.
        Q8_0 = "q8_0", "8 bits";
        /// 4 bits per weight and a 16-bit scale for every 32 weights of a row, as in GGUF.
        Q4_0 = "q4_0", "4 bits";
    }
    unlisted {
        /// As in the GGUF file that the run was imported from.
        Gguf = "gguf", "as in its file";
        /// 6 bits per weight and an 8-bit scale for every 16 weights of a row. Only for GGUF files.
        Q6K = "q6_k", "6 bits";
        /// 4 bits per weight, and 6-bit scales and minimums for every 32 weights of a row, with half of the value and MLP down projections
        /// in `q6_k`: llama.cpp's `Q4_K_M`. Only for GGUF files.
        Q4K = "q4_k", "4 bits (K)";
    }
}

choices! {
    /// How a Hugging Face folder stores weights.
    pub enum FloatFormat = F32 {
        /// 32-bit floats.
        F32 = "f32", "32 bits";
        /// 16-bit floats with a 5-bit exponent (IEEE 754 binary16): up to 65,504.
        F16 = "f16", "16 bits";
        /// 32-bit floats rounded to their upper 16 bits.
        Bf16 = "bf16", "bfloat16";
    }
}

impl FloatFormat {
    /// The name in `config.json`.
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    /// The format of a name in `config.json`.
    pub fn from_torch_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.torch_name() == name)
    }

    /// Bytes of a weight.
    pub fn width(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

impl WeightFormat {
    /// The formats that compression offers, with most bits first.
    pub const COMPRESSED: [Self; Self::ALL.len() - 1] = {
        let [_, compressed @ ..] = Self::ALL;
        compressed
    };

    /// What compression offers first, and GGUF exports of runs in 32 bits have by default.
    pub const PRESELECTED: Self = Self::Q8_0;

    /// The formats that GGUF exports offer, with most bits first.
    pub const EXPORTED: [Self; 6] = [Self::F32, Self::F16, Self::Q8_0, Self::Q6K, Self::Q4K, Self::Q4_0];

    /// Weights and bytes per block (rows of a stored matrix are whole blocks), maximum magnitude, overall type of a GGUF file
    /// (`enum llama_ftype`), and size and precision for a dialog.
    const fn facts(self) -> (usize, usize, f32, Option<u32>, &'static str) {
        const F16: f32 = 65_504.0;
        match self {
            Self::F32 => (1, 4, f32::MAX, Some(0), "32 bits per weight, as trained"),
            Self::F16 => (4, 8, F16, Some(1), "16 bits per weight"),
            // The scale is an f16.
            Self::Q8_0 => (32, 34, 127.0 * F16, Some(7), "8.5 bits per weight: almost the same model"),
            Self::Q4_0 => {
                (32, 18, 8.0 * F16, Some(2), "4.5 bits per weight: the smallest, and the least exact")
            }
            Self::Q6K => (256, 210, 4096.0 * F16, Some(18), "6.6 bits per weight: nearly as exact as 8.5"),
            Self::Q4K => (
                256,
                144,
                945.0 * F16,
                Some(15),
                "about 4.9 bits per weight: small, and more exact than q4_0",
            ),
            Self::Gguf => (1, 4, f32::MAX, None, "the blocks of the file that it was imported from"),
        }
    }

    /// Rows of a stored matrix are a multiple of this many weights.
    pub fn block(self) -> usize {
        self.facts().0
    }

    /// Bits per weight, scales included; those of [`Self::Gguf`] depend on the file.
    pub fn bits(self) -> f64 {
        (8 * self.facts().1) as f64 / self.block() as f64
    }

    pub fn largest(self) -> f32 {
        self.facts().2
    }

    /// The overall type of a GGUF file, which llama.cpp guesses from the tensors if it is not there.
    pub fn file_type(self) -> Option<u32> {
        self.facts().3
    }

    /// Its size and precision, for a dialog.
    pub fn about(self) -> &'static str {
        self.facts().4
    }

    /// Whether weights are rounded to few bits, with a scale for each block.
    pub fn is_quantised(self) -> bool {
        self.bits() < 16.0
    }

    /// The quantised formats, with most bits first.
    pub fn quantised() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| format.is_quantised())
    }

    /// The format of a model's head, which has 8 bits or more: the loss depends on it most.
    #[must_use]
    pub fn for_head(self) -> Self {
        if self.bits() < Self::Q8_0.bits() { Self::Q8_0 } else { self }
    }

    /// Refuses the formats of files only.
    pub(crate) fn check_is_made(self, setting: &str) -> Result<(), Invalid> {
        let known = Self::ALL.map(Self::name).join(", ");
        let rule = format!("be a format that weights can be rounded to ({known})");
        require(Self::ALL.contains(&self), setting, self.name(), rule)
    }
}
