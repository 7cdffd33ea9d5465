//! Storage formats of weight matrices.

use crate::setting::choices;

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
    }
}

impl WeightFormat {
    /// The formats that compression offers, with most bits first.
    pub const COMPRESSED: [Self; 3] = [Self::F16, Self::Q8_0, Self::Q4_0];

    /// Whether weights are rounded to few bits, with a scale for each block.
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Q8_0 | Self::Q4_0)
    }

    /// Bits per weight, scales included; those of [`Self::Gguf`] depend on the file.
    pub fn bits(self) -> f64 {
        match self {
            Self::F32 | Self::Gguf => 32.0,
            Self::F16 => 16.0,
            Self::Q8_0 => 8.5,
            Self::Q4_0 => 4.5,
        }
    }

    /// Its size and precision, for a dialog.
    pub fn about(self) -> &'static str {
        match self {
            Self::F32 => "32 bits per weight, as trained",
            Self::F16 => "16 bits per weight",
            Self::Q8_0 => "8.5 bits per weight: almost the same model",
            Self::Q4_0 => "4.5 bits per weight: the smallest, and the least exact",
            Self::Gguf => "the blocks of the file that it was imported from",
        }
    }

    /// Rows of a stored matrix are a multiple of this many weights.
    pub fn block(self) -> usize {
        match self {
            Self::F32 | Self::Gguf => 1,
            Self::F16 => 4,
            Self::Q8_0 | Self::Q4_0 => 32,
        }
    }

    pub fn largest(self) -> f32 {
        let f16 = 65_504.0;
        match self {
            Self::F32 | Self::Gguf => f32::MAX,
            Self::F16 => f16,
            // The scale is an f16.
            Self::Q8_0 => 127.0 * f16,
            Self::Q4_0 => 8.0 * f16,
        }
    }
}
