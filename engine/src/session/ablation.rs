//! Ablations of the data: the versions of the text, and the effect of each rule, tokenizer and weight of a source.

use super::Session;
use crate::metrics::comparison::mean_interval;
use crate::metrics::statistics::Bootstrap;
use crate::platform::{self, CorpusFiles, Yielder, files, storage};
use crate::project::Run;
use crate::protocol::cleaning::report::{CleaningReport, Stage};
use crate::protocol::evaluation::{DocumentLoss, Metric};
use crate::protocol::{
    Ablate, AblatedText, Ablation, CheckpointChoice, DeviceKind, EvaluateSettings, Evaluation, Event, RAW,
    RuleEffect, RunConfig, TextVersion, WHOLE, WeightSource, names,
};
use crate::{Error, Result, refuse};
use glasshouse_corpus::output::CorpusIndex;
use glasshouse_corpus::pipeline::{Cleaner, Phase, StartOptions};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_corpus::versions::{Version, hold_out, with_weight};
use glasshouse_documents::read::{Settings, find};
use std::io::Read as _;
use std::path::{Path, PathBuf};

impl Session {
    /// The files whose text an ablation cleans. Fails if there are none, or the ablation's own folder lies in them or contains them.
    pub(super) fn ablated_files(&mut self, name: &str, config: &RunConfig) -> Result<Vec<PathBuf>> {
        let inputs: Vec<PathBuf> = match self.opened()?.is_beside_others() {
            true => config.data.paths.iter().map(PathBuf::from).collect(),
            false => self.raw_documents()?,
        };
        if inputs.is_empty() {
            refuse!("there is no text to clean; name your files by --data");
        }
        let folder = self.opened()?.project.sweep_folder(name);
        let overlaps = |input: &&PathBuf| {
            std::path::absolute(input)
                .is_ok_and(|input| folder.starts_with(&input) || input.starts_with(&folder))
        };
        match inputs.iter().find(overlaps) {
            Some(input) => Err(Error::bad_file(
                input,
                "and the folder of this ablation contain each other; name the files themselves, or another --project",
            )),
            None => Ok(inputs),
        }
    }

    /// Cleans the text by the complete recipe, without each of its rules, and not at all, into the sweep's folder, holds the same documents
    /// out of all versions, and weights sources of the cleaned text.
    pub(super) async fn clean_versions(
        &mut self,
        id: u64,
        name: &str,
        ablate: &Ablate,
        inputs: &[PathBuf],
        seed: u64,
    ) -> Result<AblatedText> {
        let recipe = match ablate.recipe.as_str() {
            "" => self.recipe()?,
            name if !name.contains('=') => Recipe::published(name)?,
            toml => Recipe::from_toml(toml)?,
        };
        let recipe = Recipe { validation: 0.0, ..recipe };
        let folder = self.opened()?.project.sweep_folder(name);
        let input_crc32c = checksum(inputs).await?;
        // Of an ablation that did not get to its first run, or whose runs are deleted.
        files::remove_dir_all(&folder).ok();
        let mut folders = vec![folder.join(WHOLE)];
        let about = format!("cleaning by {}", recipe.name);
        let report = self.clean_version(id, about, recipe.clone(), inputs, &folder.join(WHOLE)).await?;
        let stages = rules(&recipe, &report, ablate)?;
        let index = CorpusIndex::find(&CorpusFiles, &folder.join(WHOLE))?.unwrap_or_default();
        let known = || index.sources.iter().map(|source| source.name.as_str());
        if let Some(other) = ablate.weights.keys().find(|name| !known().any(|known| known == name.as_str())) {
            return Err(Error::Refused(names::unknown("source of the cleaned text", other, known())));
        }
        let mut versions = vec![TextVersion {
            name: WHOLE.to_owned(),
            title: format!("complete recipe ({})", recipe.name),
            ..TextVersion::default()
        }];
        for (stage, without) in stages {
            let (name, title, acted) = (stage.about.name.clone(), stage.about.title.clone(), stage.acted());
            if acted {
                folders.push(folder.join(&name));
                let about = format!("cleaning without {name}");
                self.clean_version(id, about, without, inputs, &folder.join(&name)).await?;
            }
            versions.push(TextVersion { name, title, acted, ..TextVersion::default() });
        }
        let raw = recipe.raw_twin()?;
        if raw != recipe && (ablate.only.is_empty() || ablate.only.iter().any(|name| name == RAW)) {
            folders.push(folder.join(RAW));
            let about = "reading the raw text".to_owned();
            self.clean_version(id, about, raw, inputs, &folder.join(RAW)).await?;
            let (name, title) = (RAW.to_owned(), "all rules (raw)".to_owned());
            versions.push(TextVersion { name, title, acted: true, ..TextVersion::default() });
        }
        if folders.len() == 1 && ablate.tokenizers.is_empty() && ablate.weights.is_empty() {
            refuse!(
                "the rules to leave out remove nothing from this text, so there is nothing to compare; leave out others of {}",
                recipe.name
            );
        }
        let yielder = Yielder::new();
        let yield_now = async || yielder.maybe_yield().await;
        let (held_out, found) = hold_out(&CorpusFiles, &folders, &yield_now).await?;
        let mut found = found.into_iter();
        let whole = found.next().unwrap_or_default();
        for (version, own) in versions.iter_mut().skip(1).filter(|version| version.acted).zip(found) {
            (version.documents, version.bytes, version.differs) = compared(own, whole);
        }
        for (source, weight) in
            ablate.weights.iter().flat_map(|(source, own)| own.iter().map(move |weight| (source, *weight)))
        {
            let (name, own) = (format!("{source}={weight}"), format!("weight-{}", versions.len()));
            let places = (&*folder.join(WHOLE), &*folder.join(&own));
            let found = with_weight(&CorpusFiles, places, (source, weight), seed, &yield_now).await?;
            let (documents, bytes, differs) = compared(found, whole);
            let (title, folder) = (format!("{source} (now × {weight})"), Some(own));
            let acted = differs;
            versions.push(TextVersion {
                name,
                title,
                documents,
                bytes,
                acted,
                differs,
                folder,
                tokenizer: None,
            });
        }
        versions.extend(ablate.tokenizers.iter().map(|tokenizer| TextVersion {
            name: format!("tokenizer {tokenizer}"),
            title: format!("tokenizer (now {tokenizer})"),
            differs: true,
            tokenizer: Some(tokenizer.clone()),
            ..TextVersion::default()
        }));
        let (held_out_documents, held_out_bytes) = (held_out.documents, held_out.bytes);
        let (recipe, unchanged) = (recipe.name, held_out.unchanged);
        Ok(AblatedText { recipe, versions, held_out_documents, held_out_bytes, input_crc32c, unchanged })
    }

    async fn clean_version(
        &mut self,
        id: u64,
        what: String,
        recipe: Recipe,
        inputs: &[PathBuf],
        out: &Path,
    ) -> Result<CleaningReport> {
        files::create_dir_all(out).map_err(Error::io(out))?;
        let start = StartOptions { restart: true, force: true };
        let mut cleaner = Cleaner::new(&CorpusFiles, recipe, inputs, out, start)?;
        loop {
            let progress = cleaner.advance()?;
            let (done, total) = (progress.done, progress.total);
            self.sink.progress(done, total);
            self.sink.answer(id, Event::Progress { what: what.clone(), done, total });
            if progress.phase == Phase::Done {
                return Ok(cleaner.finish()?);
            }
            platform::yield_now().await;
        }
    }

    /// Measures the last weights of a run on its held-out documents, and stores the evaluation with the run.
    pub(super) async fn measure_version(&mut self, id: u64, run: &Run) -> Result<()> {
        // One that was requested while the run trained comes first.
        while !self.evaluations.is_empty() {
            self.carry_on_evaluating(false).await;
            platform::yield_now().await;
        }
        let source = WeightSource::Checkpoint { run: run.name(), checkpoint: CheckpointChoice::Latest };
        let settings = measuring();
        let chosen = self.device.request.clone();
        if chosen.is_empty() {
            // On a command line, each run has its own device.
            let own = run.record()?.device.map(|device| device.request().to_owned());
            let own = own.filter(|own| !DeviceKind::is_of_burn(own));
            self.device.request = own.unwrap_or_else(|| "auto".to_owned());
        }
        let measured = self.evaluate(id, &source, settings, Vec::new(), None).await;
        self.device.request = chosen;
        measured.map(drop)
    }
}

fn measuring() -> EvaluateSettings {
    EvaluateSettings { baselines: false, ..EvaluateSettings::default() }
}

/// The losses of an evaluation of all held-out documents by the weights of this step; a person may have evaluated others.
pub(super) fn own_losses(evaluation: Evaluation, step: u64) -> Option<Vec<DocumentLoss>> {
    let key = |settings: &EvaluateSettings| (settings.text_of.clone(), settings.documents, settings.stride);
    let is_own = evaluation.step == step && key(&evaluation.settings) == key(&measuring());
    evaluation.likelihood.filter(|_| is_own).map(|likelihood| likelihood.by_document)
}

/// A CRC-32C of the files that an ablation cleans.
pub(super) async fn checksum(inputs: &[PathBuf]) -> Result<u32> {
    let (yielder, mut checksum, mut block) = (Yielder::new(), 0, vec![0; 1 << 20]);
    let mut sources = find(&CorpusFiles, inputs, &Settings::default()).sources;
    // Members of an archive have its path.
    sources.dedup_by(|one, other| one.path == other.path);
    for path in sources.iter().map(|source| &source.path) {
        let mut file = files::File::open(path).map_err(Error::io(path))?;
        loop {
            let length = file.read(&mut block).map_err(Error::io(path))?;
            let Some(read @ [_, ..]) = block.get(..length) else { break };
            checksum = storage::crc32c(checksum, read, &yielder).await;
        }
    }
    Ok(checksum)
}

/// Documents and bytes that a version has more than the cleaned text, and whether its text differs.
fn compared(own: Version, whole: Version) -> (i64, i64, bool) {
    let more = |own: u64, whole: u64| own.cast_signed().saturating_sub(whole.cast_signed());
    (more(own.documents, whole.documents), more(own.bytes, whole.bytes), own.checksum != whole.checksum)
}

/// The rules to leave out: their stage in the complete recipe's report, and the recipe without them.
fn rules<'a>(
    recipe: &Recipe,
    report: &'a CleaningReport,
    Ablate { only, tokenizers, weights, .. }: &Ablate,
) -> Result<Vec<(&'a Stage, Recipe)>> {
    let on = report.stages.iter().filter(|stage| !stage.about.is_off);
    let mut stages: Vec<(&Stage, Recipe)> =
        on.filter_map(|stage| Some((stage, recipe.without(&stage.about.name)?))).collect();
    if stages.is_empty() && tokenizers.is_empty() && weights.is_empty() {
        refuse!("the recipe {} has no rules to leave out; choose another, such as fineweb", recipe.name);
    }
    let known = || stages.iter().map(|(stage, _)| stage.about.name.as_str()).chain([WHOLE, RAW]);
    if let Some(other) = only.iter().find(|name| !known().any(|known| known == name.as_str())) {
        return Err(Error::Refused(names::unknown("rule of the recipe", other, known())));
    }
    stages.retain(|(stage, _)| only.is_empty() || only.contains(&stage.about.name));
    Ok(stages)
}

/// Effects of the rules, from the losses of each run's documents; empty for runs that are not measured.
pub(super) fn effects(ablate: &Ablate, documents: &[Vec<DocumentLoss>]) -> Ablation {
    let learned: Vec<&TextVersion> = ablate.learned().collect();
    let (all, width) = (&ablate.text, learned.len().max(1));
    let of_seed = |seed: &[Vec<DocumentLoss>], at: usize| seed.get(at).filter(|own| !own.is_empty()).cloned();
    let bits = |nats: f64, bytes: f64| nats / std::f64::consts::LN_2 / bytes;
    let mut whole = Vec::new();
    for own in documents.chunks(width).filter_map(|seed| of_seed(seed, 0)) {
        let [nats, bytes] =
            own.iter().fold([0.0, 0.0], |[nats, bytes], one| [nats + one.nats, bytes + f64::from(one.bytes)]);
        whole.push(bits(nats, bytes));
    }
    let effect = |version: &TextVersion| {
        let place = learned.iter().position(|own| own.name == version.name);
        let pairs =
            documents.chunks(width).filter_map(|seed| Some([of_seed(seed, place?)?, of_seed(seed, 0)?]));
        let pairs: Vec<[Vec<DocumentLoss>; 2]> = pairs.collect();
        RuleEffect { version: version.clone(), bought: bought(&pairs) }
    };
    let effects = all.versions.iter().filter(|version| version.name != WHOLE).map(effect).collect();
    let mean = (!whole.is_empty()).then(|| whole.iter().sum::<f64>() / whole.len() as f64);
    Ablation { text: all.clone(), whole: mean, effects }
}

/// Bits per byte without a rule minus those with it, of pairs of runs with the same seed on the same documents. The interval over
/// documents is widened by that over seeds, if there are several: the two are independent.
fn bought(pairs: &[[Vec<DocumentLoss>; 2]]) -> Option<Metric> {
    let [first, _] = pairs.first()?;
    // Nats and bytes without and with it.
    let mut items: Vec<[f64; 4]> = vec![[0.0; 4]; first.len()];
    let bits = |[nats, bytes, with, of]: [f64; 4]| (nats / bytes - with / of) / std::f64::consts::LN_2;
    let add = |sum: [f64; 4], own: [f64; 4]| std::array::from_fn(|at| sum[at] + own[at]);
    let mut by_seed = Vec::new();
    for [without, with] in pairs {
        let same = [without.len(), with.len()] == [items.len(); 2];
        // An evaluation of other documents replaced that of the ablation.
        if !same || without.iter().zip(with).any(|(one, other)| one.text_crc32c != other.text_crc32c) {
            return None;
        }
        let mut sum = [0.0; 4];
        for (item, (one, other)) in items.iter_mut().zip(without.iter().zip(with)) {
            let own = [one.nats, f64::from(one.bytes), other.nats, f64::from(other.bytes)];
            (*item, sum) = (add(*item, own), add(sum, own));
        }
        by_seed.push(bits(sum));
    }
    let value = by_seed.iter().sum::<f64>() / by_seed.len() as f64;
    let spread = mean_interval(&by_seed).map_or(0.0, |[low, high]| (high - low) / 2.0);
    let interval = Bootstrap::default().sums(&items, bits);
    let both = |half: f64| (half * half + spread * spread).sqrt();
    let interval = interval.map(|[low, high]| [value - both(value - low), value + both(high - value)]);
    Some(RuleEffect::metric(value, interval, pairs.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(by: impl Fn(usize) -> f64) -> Vec<DocumentLoss> {
        let own = |at: usize| DocumentLoss {
            text_crc32c: at as u32,
            bytes: 100,
            tokens: 40,
            nats: 60.0 + at as f64 + by(at),
            ..DocumentLoss::default()
        };
        (0..40).map(own).collect()
    }

    fn ablate(seeds: u64) -> Ablate {
        let version =
            |name: &str, differs| TextVersion { name: name.to_owned(), differs, ..TextVersion::default() };
        let versions =
            vec![version(WHOLE, false), version("a", true), version("b", false), version(RAW, true)];
        Ablate { seeds, text: AblatedText { versions, ..AblatedText::default() }, ..Ablate::default() }
    }

    #[test]
    fn a_rule_bought_the_difference_of_the_same_documents() {
        // A document's own difficulty cancels out.
        let of = |more: f64| losses(move |at| more + 0.1 * (at % 3) as f64);
        let found = effects(
            &ablate(1),
            &[losses(|_| 0.0), of(2.0), losses(|at| if at % 2 == 0 { 1.0 } else { -1.0 })],
        );
        let [rule, without_effect, raw] = &found.effects[..] else { panic!("{found:?}") };
        let (bought, [low, high]) =
            (rule.bought.as_ref().unwrap(), rule.bought.as_ref().unwrap().interval.unwrap());
        let expected = 2.0975 / 100.0 / std::f64::consts::LN_2;
        assert!((bought.value.unwrap() - expected).abs() < 1e-9 && low > 0.02 && high < 0.04, "{bought:?}");
        assert!(without_effect.bought.is_none());
        let [low, high] = raw.bought.as_ref().unwrap().interval.unwrap();
        assert!(low < 0.0 && high > 0.0);
        assert!(found.whole.is_some());
        // No effect is reported for a run that is not measured, or was measured on other documents.
        let found = effects(&ablate(1), &[losses(|_| 0.0), Vec::new(), losses(|_| 1.0)[..9].to_vec()]);
        assert!(found.effects.iter().all(|effect| effect.bought.is_none()));
    }

    #[test]
    fn several_seeds_widen_the_interval_by_their_spread() {
        let runs =
            |more: f64| [losses(|_| 0.0), losses(move |at| more + 0.1 * (at % 3) as f64), losses(|_| 0.0)];
        let width = |documents: &[Vec<DocumentLoss>], seeds| {
            let found = effects(&ablate(seeds), documents);
            let bought = found.effects[0].bought.clone().unwrap();
            let [low, high] = bought.interval.unwrap();
            (bought.count, high - low)
        };
        let (one, several) = (width(&runs(2.0), 1), width(&[runs(2.0), runs(1.0), runs(3.0)].concat(), 3));
        assert_eq!((one.0, several.0), (1, 3));
        assert!(several.1 > 3.0 * one.1, "{one:?} {several:?}");
    }
}
