//! Selection of kernel variants: a default by size, unless another variant was measured to be faster on the device.
//! Measured choices are plain data: a variant per shape bucket. Bucket sizes are rounded up to powers of two, so that models of
//! similar shapes share measurements.
//!
//! `gpu::Tuning` does the measuring. A choice that violates a limit of the device is ignored in favour of the default.

use super::matmul::{MIN_SLICE, TILE};
use super::{MAX_LOOP_ITERATIONS, Target};
use glasshouse_protocol::named;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Kernels that share the same choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// y = x·wᵀ, sizes N, I, O.
    Linear,
    /// Linear with few rows, sizes N, I, O.
    LinearFew,
    /// dx = dy·w, sizes N, O, I.
    LinearInputBackward,
    /// dw += dyᵀ·x, sizes N, O, I.
    LinearWeightBackward,
}

impl Family {
    // Base names of the kernels; each tier may have its own file ([`Self::has`]).
    named! {
        Linear = "linear",
        LinearFew = "linear_few",
        LinearInputBackward = "linear_input_backward",
        LinearWeightBackward = "linear_weight_backward"
    }

    /// Whether a kernel belongs to the family: `linear_tiled:vec4` does to `linear`.
    pub fn has(self, kernel: &str) -> bool {
        let file = kernel.split(':').next().unwrap_or_default();
        let strategies = ["", "_tiled", "_cooperative"];
        file.strip_prefix(self.name()).is_some_and(|strategy| strategies.contains(&strategy))
    }

    /// Whether it is a matrix product by tiles.
    pub fn multiplies(self) -> bool {
        self != Self::LinearFew
    }

    /// Rows and columns of the result, and inner steps, of a product of these sizes.
    fn result(self, [first, second, third]: [usize; 3]) -> [usize; 3] {
        match self {
            Self::Linear | Self::LinearFew | Self::LinearInputBackward => [first, third, second],
            Self::LinearWeightBackward => [second, third, first],
        }
    }

    /// Whether a product reads its right operand in vectors of four.
    fn reads_fours(self, [_, second, third]: [usize; 3]) -> bool {
        if self == Self::Linear { second.is_multiple_of(4) } else { third.is_multiple_of(4) }
    }
}

/// Shapes that share a choice. Displayed as `linear 1024x128x512` or `linear in halves 1024x128x512`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShapeBucket {
    pub family: Family,
    /// Both operands of a product are in 16-bit floats.
    pub in_f16: bool,
    /// The family's sizes, rounded up to powers of two.
    pub sizes: [usize; 3],
}

impl ShapeBucket {
    pub fn new(family: Family, sizes: [usize; 3]) -> Self {
        // A size without a next power of two would not fit any device.
        let sizes = sizes.map(|size| size.checked_next_power_of_two().unwrap_or(size));
        Self { family, in_f16: false, sizes }
    }

    pub fn from_product(family: Family, sizes: [usize; 3], operands: Operands) -> Self {
        Self { in_f16: operands == Operands::F16, ..Self::new(family, sizes) }
    }

    /// The choice for the sizes without a measurement.
    pub fn default_choice(&self) -> Choice {
        let [rows, columns, inner] = self.family.result(self.sizes);
        let slices = if self.family == Family::Linear { 1 } else { (inner / MIN_SLICE).max(1) };
        let tiles = rows.div_ceil(TILE) * columns.div_ceil(TILE) * slices;
        let small = self.family.multiplies() && tiles < FEW_TILES;
        Choice::tier(if small { Tier::Small } else { Tier::Tiled })
    }
}

impl fmt::Display for ShapeBucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.sizes;
        let in_f16 = if self.in_f16 { IN_F16 } else { "" };
        write!(formatter, "{}{in_f16} {first}x{second}x{third}", self.family.name().replace('_', " "))
    }
}

impl FromStr for ShapeBucket {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, sizes) = text.rsplit_once(' ').ok_or(())?;
        let (name, in_f16) = name.strip_suffix(IN_F16).map_or((name, false), |name| (name, true));
        let name = name.replace(' ', "_");
        let family = Family::ALL.into_iter().find(|family| family.name() == name).ok_or(())?;
        let sizes: Vec<usize> =
            sizes.split('x').map(|size| size.parse().map_err(|_| ())).collect::<Result<_, ()>>()?;
        let sizes: [usize; 3] = sizes.try_into().map_err(|_| ())?;
        let bucket = Self { in_f16, ..Self::new(family, sizes) };
        let known = bucket.sizes == sizes && (family.multiplies() || !in_f16);
        if known { Ok(bucket) } else { Err(()) }
    }
}

/// Suffix of f16 buckets in saved choices; kept because existing files contain it.
const IN_F16: &str = " in halves";

/// Element types of a product's two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Both in 32 bits.
    Floats,
    /// Both in 16 bits.
    F16,
    /// One in 32 bits, the other in 16.
    Both,
}

impl Operands {
    /// `f16s` says for each operand whether it is in 16 bits.
    pub fn from_f16s(f16s: [bool; 2]) -> Self {
        match f16s {
            [false, false] => Self::Floats,
            [true, true] => Self::F16,
            _ => Self::Both,
        }
    }
}

/// Side length of a cooperative matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Eight = 8,
    Sixteen = 16,
}

/// Square cooperative matrices of a device with 32-bit accumulators, by element type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cooperative {
    /// With 32-bit entries.
    pub floats: Option<Side>,
    /// With 16-bit entries.
    pub f16s: Option<Side>,
}

impl Cooperative {
    pub const NONE: Self = Self { floats: None, f16s: None };

    /// Feature names, as in a device's feature list.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let floats = self.floats.map(|side| match side {
            Side::Eight => "cooperative-matrix-f32-8x8",
            Side::Sixteen => "cooperative-matrix-f32-16x16",
        });
        let f16s = self.f16s.map(|side| match side {
            Side::Eight => "cooperative-matrix-f16-8x8",
            Side::Sixteen => "cooperative-matrix-f16-16x16",
        });
        floats.into_iter().chain(f16s)
    }

    /// The matrix side that divides all sizes of a product, if supported.
    fn side(self, sizes: [usize; 3], operands: Operands) -> Option<Side> {
        let side = match operands {
            Operands::Floats => self.floats,
            Operands::F16 => self.f16s,
            Operands::Both => None,
        };
        side.filter(|side| sizes.iter().all(|size| size.is_multiple_of(*side as usize)))
    }
}

/// Memory path of a kernel's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Through workgroup memory: products by tiles of 64 × 64 outputs, outputs of few rows by a workgroup each.
    Tiled,
    /// Products by tiles of 32 × 32 outputs, through workgroup memory.
    Small,
    /// Products of few rows through workgroup memory, with subgroup additions.
    Subgroup,
    Cooperative,
}

impl Tier {
    // As in saved choices and kernel names.
    named! { Tiled = "tiled", Small = "small", Subgroup = "subgroup", Cooperative = "cooperative" }
}

/// The choice for a bucket. Displayed as `tiled` or `tiled in 4 slices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub tier: Tier,
    /// Slices of a gradient's inner dimension; `None` for the default number.
    pub slices: Option<usize>,
}

impl Choice {
    /// A tier with default slices.
    pub const fn tier(tier: Tier) -> Self {
        Self { tier, slices: None }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.tier.name())?;
        match self.slices {
            None => Ok(()),
            Some(1) => formatter.write_str(" in 1 slice"),
            Some(slices) => write!(formatter, " in {slices} slices"),
        }
    }
}

impl FromStr for Choice {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (word, slices) = match text.split_once(" in ") {
            None => (text, None),
            Some((word, rest)) => {
                let (number, unit) = rest.split_once(' ').ok_or(())?;
                let number: usize = number.parse().map_err(|_| ())?;
                let known = matches!(unit, "slice" | "slices") && (1..=MAX_SLICES).contains(&number);
                (word, Some(if known { number } else { return Err(()) }))
            }
        };
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == word);
        Ok(Self { tier: tier.ok_or(())?, slices })
    }
}

/// Maximum number of slices of a gradient; each is a partial sum of the gradient's size.
pub(in crate::plan) const MAX_SLICES: usize = 32;

/// Choices by bucket. Missing buckets use the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(BTreeMap<ShapeBucket, Choice>);

impl Choices {
    pub fn insert(&mut self, bucket: ShapeBucket, choice: Choice) {
        self.0.insert(bucket, choice);
    }

    pub fn get(&self, bucket: &ShapeBucket) -> Option<Choice> {
        self.0.get(bucket).copied()
    }

    /// Adds other choices, overriding those of the same buckets.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Text form for display and records.
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(bucket, choice)| (bucket.to_string(), choice.to_string())).collect()
    }

    /// Parses texts; ignores unknown ones, which another version may have written.
    pub fn from_texts(texts: &BTreeMap<String, String>) -> Self {
        let read = |(bucket, choice): (&String, &String)| Some((bucket.parse().ok()?, choice.parse().ok()?));
        Self(texts.iter().filter_map(read).collect())
    }
}

impl FromIterator<(ShapeBucket, Choice)> for Choices {
    fn from_iter<I: IntoIterator<Item = (ShapeBucket, Choice)>>(choices: I) -> Self {
        Self(choices.into_iter().collect())
    }
}

/// With fewer tiles of 64 × 64 than two for each compute unit of a large GPU, tiles of 32 × 32 fill it better.
const FEW_TILES: usize = 256;

impl Target {
    pub(super) fn choice(&self, family: Family, sizes: [usize; 3], operands: Operands) -> Choice {
        let bucket = ShapeBucket::from_product(family, sizes, operands);
        let chosen = self.choices.as_ref().and_then(|choices| choices.get(&bucket));
        self.first_admitted(family, sizes, operands, chosen)
    }

    /// The first kernel that takes these sizes and operands: the chosen one, the default, small tiles.
    pub(in crate::plan) fn first_admitted(
        &self,
        family: Family,
        sizes: [usize; 3],
        operands: Operands,
        chosen: Option<Choice>,
    ) -> Choice {
        let default = ShapeBucket::from_product(family, sizes, operands).default_choice();
        let mut all = chosen.into_iter().chain([default, Choice::tier(Tier::Small)]);
        all.find(|choice| self.admits(family, sizes, operands, *choice)).unwrap_or(default)
    }

    pub(super) fn tier(&self, family: Family, sizes: [usize; 3]) -> Tier {
        self.choice(family, sizes, Operands::Floats).tier
    }

    /// The tier and matrix side for a product of these sizes. A part uses the choice for the `whole` product, if its own sizes admit it.
    pub(super) fn product(
        &self,
        family: Family,
        whole: [usize; 3],
        sizes: [usize; 3],
        operands: Operands,
    ) -> (Tier, Side) {
        let chosen = self.choice(family, whole, operands);
        let side = self.cooperative.side(sizes, operands).unwrap_or(Side::Eight);
        (self.first_admitted(family, sizes, operands, Some(chosen)).tier, side)
    }

    /// Whether there is such a kernel and it respects the device's limits. A product by large tiles runs one loop iteration per inner step, four
    /// times as many as others, and iterations are limited on a software adapter. If a loop must be cut, the default number of slices
    /// applies.
    pub(in crate::plan) fn admits(
        &self,
        family: Family,
        sizes: [usize; 3],
        operands: Operands,
        choice: Choice,
    ) -> bool {
        let [rows, inner, _] = sizes;
        let turns = if family == Family::LinearWeightBackward { rows } else { inner };
        // Half of the limit, since nested loops count too.
        let within = turns <= MAX_LOOP_ITERATIONS / 2;
        match choice.tier {
            Tier::Tiled => !family.multiplies() || family.reads_fours(sizes) && (!self.software || within),
            Tier::Small => family.multiplies(),
            Tier::Subgroup => self.subgroups && family == Family::LinearFew,
            Tier::Cooperative => {
                family.multiplies() && self.subgroups && self.cooperative.side(sizes, operands).is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_text_and_back() {
        let product = ShapeBucket::new(Family::LinearWeightBackward, [768, 384, 128]);
        let few = ShapeBucket::new(Family::LinearFew, [8, 64, 33]);
        let choices: Choices =
            [(product, Choice { tier: Tier::Tiled, slices: Some(4) }), (few, Choice::tier(Tier::Subgroup))]
                .into_iter()
                .collect();
        let texts = choices.texts();
        assert_eq!(texts["linear weight backward 1024x512x128"], "tiled in 4 slices");
        assert_eq!(texts["linear few 8x64x64"], "subgroup");
        assert_eq!(Choices::from_texts(&texts), choices);
        assert_eq!(ShapeBucket::new(Family::Linear, [1, 128, 65]).to_string(), "linear 1x128x128");
    }

    /// A record may hold other entries, or choices of another version.
    #[test]
    fn texts_that_say_nothing_known_are_left_out() {
        for (bucket, choice) in [
            ("vectors", "avx2"),
            ("linear 1024x128", "tiled"),
            ("linear 1024x128x500", "tiled"),
            ("linear 1024x128x512x2", "tiled"),
            ("linear forward 1024x128x512", "tiled"),
            ("linear 99999999999999999999x1x1", "tiled"),
            ("linear 1024x128x512", "direct"),
            ("linear few in halves 8x128x512", "subgroup"),
            ("linear 1024x128x512", "tiled in 0 slices"),
            ("linear 1024x128x512", "tiled in 33 slices"),
            ("linear 1024x128x512", "tiled in 4 pieces"),
            ("linear many 1024x128x512", "tiled"),
            ("", ""),
        ] {
            let texts = BTreeMap::from([(bucket.to_owned(), choice.to_owned())]);
            assert!(Choices::from_texts(&texts).is_empty(), "{bucket}: {choice}");
        }
    }

    #[test]
    fn a_loop_that_a_software_adapter_would_end_early_is_no_choice() {
        let workgroup = Choice::tier(Tier::Tiled);
        let sizes = [64, 50_304, 64];
        let choices: Choices =
            Family::ALL.into_iter().map(|family| (ShapeBucket::new(family, sizes), workgroup)).collect();
        let software = Target::new(true).with(&choices);
        assert_eq!(software.tier(Family::LinearInputBackward, sizes), Tier::Small);
        assert_eq!(software.tier(Family::LinearWeightBackward, sizes), Tier::Tiled);
        // Two sizes of one bucket: only the shorter may use it.
        let bucket = ShapeBucket::new(Family::LinearInputBackward, [64, 20_000, 64]);
        let software = Target::new(true).with(&Choices::from_iter([(bucket, workgroup)]));
        assert_eq!(software.tier(Family::LinearInputBackward, [64, 20_000, 64]), Tier::Tiled);
        assert_eq!(software.tier(Family::LinearInputBackward, [64, 32_000, 64]), Tier::Small);
        let gpu = Target::new(false).with(&choices);
        assert_eq!(gpu.tier(Family::LinearInputBackward, sizes), Tier::Tiled);
    }

    #[test]
    fn cooperative_products_are_of_whole_matrices_of_one_kind_of_floats() {
        let cooperative = Choice::tier(Tier::Cooperative);
        let matrices = Cooperative { floats: None, f16s: Some(Side::Sixteen) };
        let device = |subgroups| Target::new(false).with_subgroups(subgroups).with_cooperative(matrices);
        let admits = |target: &Target, family, sizes, operands| {
            let bucket = ShapeBucket::from_product(family, sizes, operands);
            let chosen = target.clone().with(&Choices::from_iter([(bucket, cooperative)]));
            let taken = chosen.product(family, sizes, sizes, operands) == (Tier::Cooperative, Side::Sixteen);
            assert_eq!(taken, target.admits(family, sizes, operands, cooperative));
            taken
        };
        let sizes = [768, 128, 512];
        for family in Family::ALL {
            assert_eq!(admits(&device(true), family, sizes, Operands::F16), family.multiplies());
            assert!(!admits(&device(true), family, sizes, Operands::Floats));
            assert!(!admits(&device(true), family, sizes, Operands::Both));
            assert!(!admits(&device(false), family, sizes, Operands::F16));
            assert!(!admits(&Target::new(false).with_subgroups(true), family, sizes, Operands::F16));
            for odd in [[776, 128, 512], [768, 65, 512], [768, 128, 8]] {
                assert!(!admits(&device(true), family, odd, Operands::F16), "{family:?} {odd:?}");
            }
        }
        // A part takes the whole product's choice if it can.
        let bucket = ShapeBucket::from_product(Family::Linear, sizes, Operands::F16);
        let chosen = device(true).with(&Choices::from_iter([(bucket, cooperative)]));
        for (columns, tier) in [(128, Tier::Cooperative), (120, Tier::Small)] {
            let part = chosen.product(Family::Linear, sizes, [768, 128, columns], Operands::F16);
            assert_eq!(part.0, tier);
        }
        assert_eq!(bucket.to_string(), "linear in halves 1024x128x512");
        assert_eq!("linear in halves 1024x128x512".parse(), Ok(bucket));
        assert_ne!(bucket, ShapeBucket::new(Family::Linear, sizes));
    }

    #[test]
    fn subgroups_are_for_few_rows_on_devices_that_have_them() {
        let sizes = [768, 128, 512];
        let chosen =
            Family::ALL.map(|family| (ShapeBucket::new(family, sizes), Choice::tier(Tier::Subgroup)));
        let choices = Choices::from_iter(chosen);
        for software in [true, false] {
            let default = Target::new(software);
            for family in Family::ALL {
                let tier =
                    |subgroups| default.clone().with_subgroups(subgroups).with(&choices).tier(family, sizes);
                assert_eq!(tier(false), default.tier(family, sizes));
                assert_eq!(tier(true) == Tier::Subgroup, family == Family::LinearFew, "{family:?}");
            }
        }
    }
}
