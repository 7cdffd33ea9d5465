//! Ablations of the data: sweeps whose runs learn the text cleaned by a recipe, without each of its rules, raw, and with other weights of its
//! sources.

use crate::blocks::Block;
use crate::config::EarlyStopping;
use crate::evaluation::{Better, Cell, Metric, Table};
use crate::quantity::{self, NOTHING, bytes, counted};
use crate::setting::settings;
use crate::{RunConfig, SweepRow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names of the versions of the text that do not leave out a single rule.
pub const WHOLE: &str = "whole";
pub const RAW: &str = "raw";

const MAX_SEEDS: u64 = 20;
/// Pairs of runs from which a verdict is given: fewer do not show how much seeds differ.
const MIN_PAIRS: u64 = 3;
const MAX_WEIGHT: f64 = 100.0;
/// Evaluations of a run, for its curve.
const EVALUATIONS: u64 = 5;

settings! {
    /// The table `[ablate]` of a sweep file.
    pub struct Ablate: "ablate." {
        /// A published recipe, or one as TOML; empty for the project's own.
        pub recipe: String = String::new();
        /// The rules to leave out, `raw`, or `whole` for none; empty for all.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub only: Vec<String> = Vec::new();
        /// Other tokenizers for the cleaned text, as `byte` or `bpe:1024`, with the size of the vocabulary.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub tokenizers: Vec<String> = Vec::new();
        /// Runs per version of the text, each with its own seed.
        pub seeds: u64 = MIN_PAIRS;
        /// Weights of sources of the cleaned text: 0 leaves a source's documents out, a fraction thins and a number above 1 repeats them.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        pub weights: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        /// The versions, once the text is cleaned, and their folder.
        #[serde(skip)]
        pub text: AblatedText = AblatedText::default();
        #[serde(skip)]
        pub folder: String = String::new();
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AblatedText {
    pub recipe: String,
    /// The whole recipe first.
    pub versions: Vec<TextVersion>,
    pub held_out_documents: u64,
    pub held_out_bytes: u64,
    /// CRC-32C of the files that were cleaned.
    pub input_crc32c: u32,
    /// Whether no version changes the held-out documents.
    pub unchanged: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextVersion {
    /// The rule that it leaves out, [`WHOLE`], [`RAW`], or a source with its weight, as in `pages=2`.
    pub name: String,
    pub title: String,
    /// Additional documents and bytes relative to the text cleaned by the complete recipe; negative if it has fewer.
    pub documents: i64,
    pub bytes: i64,
    /// Whether the rule removed or changed anything.
    pub acted: bool,
    /// Whether the text differs from the text cleaned by the complete recipe, or the tokenizer; only then a run learns it.
    pub differs: bool,
    /// Its tokenizer, if it differs from the other versions'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// Its folder, if that is not its name: of a source with another weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

impl Ablate {
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=MAX_SEEDS).contains(&self.seeds) {
            return Err(format!("ablate.seeds must be 1 to {MAX_SEEDS} (got {})", self.seeds));
        }
        for (field, names) in [("only", &self.only), ("tokenizers", &self.tokenizers)] {
            let mut seen = BTreeSet::new();
            if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
                return Err(format!("ablate.{field} has {name:?} twice; leave one out"));
            }
        }
        for (source, weights) in &self.weights {
            if weights.is_empty() {
                return Err(format!(
                    "ablate.weights has no weights for the source {source:?}; give some, as in [0, 2]"
                ));
            }
            for (at, weight) in weights.iter().enumerate() {
                let wrong = match *weight {
                    1.0 => "1 is the text as it is, which is always learned; leave it out".to_owned(),
                    weight if !(0.0..=MAX_WEIGHT).contains(&weight) => {
                        format!("a weight must be 0 to {MAX_WEIGHT} (got {weight})")
                    }
                    weight if weights.iter().take(at).any(|earlier| *earlier == weight) => {
                        format!("{weight} is there twice; leave one out")
                    }
                    _ => continue,
                };
                return Err(format!("ablate.weights of the source {source:?}: {wrong}"));
            }
        }
        Ok(())
    }

    /// A sweep file of this ablation. Fails if a number is too large for TOML.
    pub fn to_toml(&self, name: &str) -> Result<String, String> {
        crate::sweep::file(name, "ablate", self)
    }

    pub fn learned(&self) -> impl Iterator<Item = &TextVersion> {
        self.text.versions.iter().filter(|version| version.name == WHOLE || version.differs)
    }

    pub fn version(&self, run: usize) -> Option<&TextVersion> {
        self.learned().nth(run % self.learned().count().max(1))
    }

    /// Its runs, with all versions for one seed after another; none before the text is cleaned.
    pub(crate) fn rows(&self, base: &RunConfig) -> Result<Vec<(SweepRow, RunConfig)>, String> {
        let train = &base.train;
        if !train.objective.is_text() || !base.data.synthetic.is_none() {
            return Err(
                "an ablation trains on documents as text: leave out the objective and data.synthetic"
                    .to_owned(),
            );
        }
        if train.epochs.is_some() {
            return Err(
                "an ablation trains the same number of steps on every version of the text: give steps instead of epochs"
                    .to_owned(),
            );
        }
        if !base.data.validation_files.is_empty() {
            return Err("an ablation holds out documents that all versions of the text keep: leave out the held-out files".to_owned());
        }
        if base.start.is_some() && !self.tokenizers.is_empty() {
            return Err(
                "a run that starts from another keeps its tokenizer: leave out the tokenizers or the start"
                    .to_owned(),
            );
        }
        base.validate().map_err(|invalid| invalid.to_string())?;
        for name in &self.tokenizers {
            set_tokenizer(&mut base.clone(), name)?;
        }
        let mut rows = Vec::new();
        for seed in (0..self.seeds).map(|number| base.seed.wrapping_add(number)) {
            for version in self.learned() {
                let mut config = base.clone();
                config.seed = seed;
                let own = version.folder.as_ref().unwrap_or(&version.name);
                let folder = version.tokenizer.as_ref().map_or(own.as_str(), |_| WHOLE);
                config.data.paths = vec![Path::new(&self.folder).join(folder).display().to_string()];
                config.data.mixture.clear();
                version.tokenizer.iter().try_for_each(|name| set_tokenizer(&mut config, name))?;
                let train = &mut config.train;
                (train.eval_interval, train.sample_interval) = ((train.steps / EVALUATIONS).max(1), 0);
                train.early_stopping = EarlyStopping::default();
                let mut values = vec![("text".to_owned(), version.title.clone())];
                values.extend((self.seeds > 1).then(|| ("seed".to_owned(), seed.to_string())));
                let steps = config.train.steps;
                rows.push((SweepRow { values, steps, ..SweepRow::default() }, config));
            }
        }
        Ok(rows)
    }
}

/// Sets a tokenizer by its kind, and after a colon its vocabulary size.
fn set_tokenizer(config: &mut RunConfig, name: &str) -> Result<(), String> {
    let (kind, vocabulary) = name.split_once(':').unwrap_or((name, ""));
    config.set(&format!("tokenizer.kind={kind}"))?;
    if !vocabulary.is_empty() {
        config.set(&format!("tokenizer.vocabulary={vocabulary}"))?;
    }
    Ok(())
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    pub text: AblatedText,
    /// Bits per byte of the runs on the text cleaned by the complete recipe.
    pub whole: Option<f64>,
    /// One for each other version.
    pub effects: Vec<RuleEffect>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleEffect {
    pub version: TextVersion,
    /// Bits per byte without the rule, minus those with it; `count` is the number of pairs of runs.
    pub bought: Option<Metric>,
}

impl RuleEffect {
    /// A gain in bits per byte.
    pub fn metric(value: f64, interval: Option<[f64; 2]>, pairs: u64) -> Metric {
        Metric {
            name: "bits_per_byte_bought".to_owned(),
            value: Some(value),
            interval,
            better: Better::Higher,
            count: pairs,
            of: "pairs of runs".to_owned(),
            ..Metric::default()
        }
    }

    fn verdict(&self) -> String {
        let Some(bought) = &self.bought else { return NOTHING.to_owned() };
        if bought.count < MIN_PAIRS {
            return format!("no verdict: give {MIN_PAIRS} seeds");
        }
        let [helps, harms] = match self.version.folder {
            Some(_) => ["worse than weight 1", "better than weight 1"],
            None => ["helps", "harms"],
        };
        let verdict = match bought.interval {
            Some([low, _]) if low > 0.0 => helps,
            Some([_, high]) if high < 0.0 => harms,
            _ => "no effect shown: the interval contains 0",
        };
        verdict.to_owned()
    }
}

impl Ablation {
    pub fn blocks(&self) -> Vec<Block> {
        let AblatedText { recipe, held_out_documents, held_out_bytes, unchanged, .. } = &self.text;
        let pairs = self.effects.iter().filter_map(|own| Some(own.bought.as_ref()?.count)).max();
        let form = if *unchanged { "which no version changes" } else { "in the form of the complete recipe" };
        let whole = self.whole.map(|whole| format!(" ({whole:.4})")).unwrap_or_default();
        let mut about = format!(
            "Gain: bits per byte without the rule minus bits per byte with the complete recipe {recipe}{whole}, on {} ({}) \
             that all versions keep, {form}, and that no run has learned. The interval is a 95 % bootstrap over documents",
            counted(*held_out_documents, "held-out document"),
            bytes(*held_out_bytes)
        );
        about += match pairs {
            Some(2..) => ", with the spread over seeds added.",
            _ => " for one seed; another seed may shift it: use more seeds to find out.",
        };
        let row = |effect: &RuleEffect| -> [Cell; 5] {
            let TextVersion { title, documents, bytes: size, .. } = &effect.version;
            let bought = effect.bought.as_ref().map_or_else(|| Cell::from(NOTHING), Cell::from);
            let fewer = |text: String| Cell::from(format!("−{text}"));
            let documents = match u64::try_from(*documents) {
                Ok(more) => Cell::from(more),
                Err(_) => fewer(quantity::whole(documents.unsigned_abs())),
            };
            let size = u64::try_from(*size)
                .map_or_else(|_| fewer(bytes(size.unsigned_abs())), |more| bytes(more).into());
            [title.as_str().into(), documents, size, bought, effect.verdict().into()]
        };
        if self.effects.iter().any(|effect| effect.version.folder.is_some()) {
            about += " With another weight, the documents of a source are left out (0), thinned or repeated; the gain is then bits per byte \
                      with this weight minus those with weight 1.";
        }
        if self.effects.iter().any(|effect| effect.version.tokenizer.is_some()) {
            about += " Runs with other tokenizers read the same number of tokens, which may be more or fewer bytes.";
        }
        let columns =
            ["left out or changed", "additional documents", "additional text", "gain in bits per byte", ""];
        let learned = self.effects.iter().filter(|own| own.version.differs);
        let mut blocks = vec![Block::Note(about), Block::Table(Table::new("", columns, learned.map(row)))];
        let rest = [
            (false, "Removed and changed nothing"),
            (true, "No effect of their own, because other rules remove the same"),
        ];
        blocks.extend(rest.into_iter().filter_map(|(acted, what)| {
            let own = self.effects.iter().map(|effect| &effect.version);
            let own = own.filter(|version| !version.differs && version.acted == acted);
            let titles: Vec<&str> = own.map(|version| version.title.as_str()).collect();
            (!titles.is_empty()).then(|| Block::Note(format!("{what}: {}.", titles.join(", "))))
        }));
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Objective, Sweep, presets};

    fn version(name: &str, differs: bool) -> TextVersion {
        let (name, title) = (name.to_owned(), name.to_owned());
        TextVersion { name, title, differs, acted: true, documents: 3, bytes: 900, ..TextVersion::default() }
    }

    fn ablate(seeds: u64) -> Ablate {
        let versions =
            vec![version(WHOLE, false), version("length", true), version("terms", false), version(RAW, true)];
        let text = AblatedText { versions, ..AblatedText::default() };
        Ablate { seeds, text, folder: "sweeps/a".to_owned(), ..Ablate::default() }
    }

    #[test]
    fn twin_runs_differ_in_text_and_seed_only() {
        let base = presets::preset("llama-tiny").unwrap();
        let rows = ablate(2).rows(&base).unwrap();
        let seen: Vec<(u64, &str)> = rows
            .iter()
            .map(|(_, config)| {
                (config.seed - base.seed, config.data.paths[0].rsplit(['/', '\\']).next().unwrap())
            })
            .collect();
        assert_eq!(seen, [(0, WHOLE), (0, "length"), (0, RAW), (1, WHOLE), (1, "length"), (1, RAW)]);
        for (row, config) in &rows {
            assert_eq!(
                (row.steps, config.train.steps, &config.model),
                (base.train.steps, base.train.steps, &base.model)
            );
        }
        assert!(ablate(1).rows(&base).unwrap().iter().all(|(row, _)| row.values.len() == 1));
        // Another tokenizer reads the cleaned text.
        let mut other = ablate(1);
        other
            .text
            .versions
            .push(TextVersion { tokenizer: Some("bpe:700".to_owned()), ..version("bpe", true) });
        let rows = other.rows(&base).unwrap();
        let (_, last) = rows.last().unwrap();
        assert!(last.data.paths[0].ends_with(WHOLE) && last.tokenizer.vocabulary == 700);
        assert_eq!(other.version(7).unwrap().name, "bpe");
    }

    #[test]
    fn runs_that_cannot_be_twins_are_refused() {
        let base = presets::preset("llama-tiny").unwrap();
        let error = |change: fn(&mut RunConfig)| {
            let mut config = base.clone();
            change(&mut config);
            ablate(1).rows(&config).unwrap_err()
        };
        assert!(error(|config| config.train.epochs = Some(1.0)).contains("steps"));
        assert!(error(|config| config.train.objective = Objective::Chat).contains("text"));
        assert!(
            error(|config| config.data.validation_files = vec!["v.txt".to_owned()])
                .contains("held-out files")
        );
        let unknown = Ablate { tokenizers: vec!["bype".to_owned()], ..Ablate::default() };
        assert!(unknown.rows(&base).unwrap_err().contains("bpe"));
        assert!(Sweep::from_toml("[ablate]\nseeds = 0").unwrap_err().contains("seeds"));
        for twice in ["only = [\"raw\", \"terms\", \"raw\"]", "tokenizers = [\"byte\", \"byte\"]"] {
            assert!(Sweep::from_toml(&format!("[ablate]\n{twice}")).unwrap_err().contains("twice"));
        }
        assert!(Sweep::from_toml("[ablate]\n[ladder]").is_err());
        assert!(Sweep::from_toml("[ablate]\n[settings]\nmodel.layers = [1]").is_err());
        for (weights, why) in [
            ("[-1]", "0 to 100 (got -1)"),
            ("[nan]", "0 to 100"),
            ("[1e9]", "0 to 100"),
            ("[0, 2, 2.0]", "2 is there twice"),
            ("[1]", "as it is"),
            ("[]", "no weights"),
        ] {
            let error =
                Sweep::from_toml(&format!("[ablate]\nweights = {{ \"a b\" = {weights} }}")).unwrap_err();
            assert!(error.contains(why) && error.contains("a b"), "{error}");
        }
        let weights = BTreeMap::from([("a b".to_owned(), vec![0.0, 1.5])]);
        let file = Ablate { weights: weights.clone(), ..Ablate::default() }.to_toml("a").unwrap();
        assert_eq!(Sweep::from_toml(&file).unwrap().ablate.unwrap().weights, weights);
        let file = Ablate { only: vec!["length".to_owned()], ..Ablate::default() }.to_toml("a").unwrap();
        assert_eq!(Sweep::from_toml(&file).unwrap().ablate.unwrap().only, ["length"]);
    }

    #[test]
    fn an_effect_whose_interval_contains_zero_is_called_none() {
        let effect = |name: &str, differs, interval: Option<[f64; 2]>| {
            let bought = interval.map(|ends| RuleEffect::metric((ends[0] + ends[1]) / 2.0, Some(ends), 3));
            RuleEffect { version: version(name, differs), bought }
        };
        let effects = vec![
            effect("a", true, Some([0.01, 0.03])),
            effect("b", true, Some([-0.01, 0.01])),
            effect("c", true, Some([-0.03, -0.01])),
            effect("d", true, None),
            effect("e", false, None),
            RuleEffect {
                version: TextVersion {
                    folder: Some("weight-5".to_owned()),
                    documents: -1,
                    bytes: -900,
                    ..version("pages=0", true)
                },
                bought: Some(RuleEffect::metric(0.02, Some([0.01, 0.03]), 3)),
            },
        ];
        let verdicts: Vec<String> = effects.iter().map(RuleEffect::verdict).collect();
        assert!(verdicts[0] == "helps" && verdicts[1].contains("contains 0") && verdicts[2] == "harms");
        assert_eq!(verdicts[5], "worse than weight 1");
        // One or two seeds show no more than chance.
        for pairs in [1, 2] {
            let bought = Some(RuleEffect::metric(-0.02, Some([-0.03, -0.01]), pairs));
            let told = RuleEffect { version: version("f", true), bought }.verdict();
            assert!(told.contains("no verdict") && told.contains("3 seeds"), "{told}");
        }
        let blocks = Ablation { effects, ..Ablation::default() }.blocks();
        let [Block::Note(_), Block::Table(table), Block::Note(rest)] = &blocks[..] else {
            panic!("{blocks:?}")
        };
        assert_eq!(table.rows.len(), 5);
        assert_eq!([1, 2].map(|column| table.rows[4][column].text()), ["−1", "−900 B"]);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()) && rest.ends_with(": e."));
    }
}
