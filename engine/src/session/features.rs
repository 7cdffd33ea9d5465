//! Sparse dictionaries: training, features, steering and export.

use super::Session;
use super::models::{Generations, Model, Weights};
use crate::data::batch::Batches;
use crate::data::prepare;
use crate::features::{
    self, CONFIG_FILE, Clamped, DictionaryFolder, DictionaryTraining, MAX_RECORD, MAX_WEIGHTS, Place,
    Reading, Subject, Survey, Transcoder, WEIGHTS_FILE, attribution_graph, config_of, read_sae_lens, steered,
};
use crate::generation::{Batch, Writer, prompt_tokens, request};
use crate::model::dictionary_graphs;
use crate::plan::estimate::estimate_graphs;
use crate::platform::{self, Yielder, files};
use crate::project::{Run, archive, weights_crc32c};
use crate::protocol::answer;
use crate::protocol::features::{
    CHECKPOINTS, Dictionaries, Dictionary, DictionaryKind, DictionaryPlan, DictionarySettings, FeatureQuery,
    GraphQuery, Life, Steering,
};
use crate::protocol::quantity::{bytes, percent, whole};
use crate::protocol::{CheckpointChoice, GenerateConfig, ModelConfig, RunConfig, WeightFormat, WeightSource};
use crate::sampler::{Sampling, draw, masked, sample};
use crate::storage::{self, Staging};
use crate::{Error, OrInternal, Result, refuse};
use std::path::PathBuf;
use std::sync::Arc;

/// Fraction of dead features that is reported as a problem.
const TOO_MANY_DEAD: f64 = 0.5;

/// Held-out text as the features of a run's dictionary read it, with the dictionary's number and settings, and checksums of model and
/// encoder.
pub(super) type KnownReading = ((String, u64, DictionarySettings, [u32; 3]), Reading);

/// Maximum characters of a feature's name.
const MAX_NAME: usize = 80;

impl Session {
    /// Trains a dictionary for each place that the settings name, with an answer before and after each part of a training and for each
    /// dictionary but the last, or keeps and measures one with `imported` weights.
    pub(super) async fn make_dictionary(
        &mut self,
        id: u64,
        source: &WeightSource,
        settings: DictionarySettings,
        imported: Option<features::Weights>,
    ) -> Result<Dictionary> {
        let model = self.weights(source, None).await?;
        let run = self.run_named(&model.key.0)?;
        let places = Place::matching(&model.config, &settings.at)?;
        let config = config_of(&run, &model.config, &settings)?;
        let prepared = prepare::open_aside(run.data_folder()?).await?;
        let batches = prepared.batches(&config)?;
        let parameters = model.parameters().await?;
        let (device, threads) = (self.device.request.as_str(), self.options.threads);
        let subject = Subject { config: &config, parameters, device, threads };
        let begun = || {
            let (folder, number) = DictionaryFolder::next(&run);
            let record = Dictionary {
                run: run.name(),
                number,
                checkpoint: model.key.1.clone(),
                step: model.step,
                weights_crc32c: weights_crc32c(parameters),
                ..Dictionary::default()
            };
            (folder, record)
        };
        if let Some(weights) = imported {
            let (folder, record) = begun();
            return DictionaryTraining::import(&subject, batches, (settings, weights), folder, record).await;
        }
        let (mut warned, mut made) = (false, None);
        for (at, _) in places {
            if let Some(last) = made.take() {
                self.sink.answer(id, last);
            }
            let (folder, record) = begun();
            let settings = DictionarySettings { at, ..settings.clone() };
            let mut training =
                DictionaryTraining::begin(&subject, batches.clone(), settings, folder, record).await?;
            self.sink.answer(id, training.record().clone());
            platform::yield_now().await;
            while training.advance().await? {
                if let Some(point) = training.record().curve.last()
                    && point.dead > TOO_MANY_DEAD
                    && !std::mem::replace(&mut warned, true)
                {
                    let other = match training.record().settings.kind {
                        DictionaryKind::TopK => "a larger k",
                        DictionaryKind::JumpRelu => "a smaller penalty",
                    };
                    let text = format!(
                        "{} of the features are dead after {} tokens; a smaller width, {other} or more tokens leave fewer",
                        percent(point.dead),
                        whole(point.tokens)
                    );
                    self.sink.notice(text);
                }
                self.sink.answer(id, training.record().clone());
                platform::yield_now().await;
            }
            made = Some(training.record().clone());
        }
        made.or_internal("a dictionary without a place")
    }

    /// Lists places for a dictionary and the run's dictionaries, and plans one with these settings.
    pub(super) async fn read_dictionaries(
        &mut self,
        source: &WeightSource,
        settings: &DictionarySettings,
    ) -> Result<Dictionaries> {
        let model = self.weights(source, None).await?;
        let run = self.run_named(&model.key.0)?;
        let kept = DictionaryFolder::all(&run);
        // A damaged one does not hide the others; its own commands report the damage.
        let kept =
            kept.into_iter().filter_map(|number| Some(DictionaryFolder::open(&run, Some(number)).ok()?.1));
        let places = Place::all(&model.config)?.into_iter().map(|(name, place)| (name, place.columns));
        let mut points: Vec<_> = places.collect();
        points.extend((model.config.layers > 1).then(|| ("blocks.*.mlp".to_owned(), model.config.width)));
        let mut found =
            Dictionaries { run: run.name(), points, kept: kept.collect(), ..Dictionaries::default() };
        match self.plan_dictionary(&run, &model.config, settings).await {
            Ok(plan) => found.plan = Some(plan),
            Err(error) => found.refused = error.to_string(),
        }
        Ok(found)
    }

    async fn plan_dictionary(
        &self,
        run: &Run,
        model: &ModelConfig,
        settings: &DictionarySettings,
    ) -> Result<DictionaryPlan> {
        let config = config_of(run, model, settings)?;
        let places = Place::matching(model, &settings.at)?;
        let mut plan = DictionaryPlan::default();
        for (_, place) in places {
            let own = self.plan_place(&config, place.dictionary(settings)).await?;
            plan = DictionaryPlan { bytes: plan.bytes.max(own.bytes), seconds: plan.seconds + own.seconds };
        }
        Ok(plan)
    }

    async fn plan_place(
        &self,
        config: &RunConfig,
        dictionary: crate::model::Dictionary,
    ) -> Result<DictionaryPlan> {
        let (target, planned) = (self.device.target(), config.clone());
        let needs = move || {
            let graphs = dictionary_graphs(&planned.model, &planned.train, dictionary)?;
            Ok::<_, Error>(estimate_graphs(graphs, &target)?)
        };
        let needs = platform::spawn_blocking(needs).await??;
        if self.device.limits().holds(&needs) == Some(false) {
            let [needed, most] = [needs.bytes, self.device.limits().memory.unwrap_or(needs.bytes)].map(bytes);
            refuse!("the device cannot hold the dictionary ({needed} of {most}); lower the width");
        }
        Ok(DictionaryPlan { bytes: needs.bytes, seconds: self.alone_seconds(config, needs.flops_per_token) })
    }

    /// Imports a dictionary in SAELens' format from a folder, or from attached files, to the hook point `at`, or that of the file.
    pub(super) async fn import_dictionary(
        &mut self,
        id: u64,
        source: &WeightSource,
        from: Option<PathBuf>,
        at: Option<String>,
        bytes: Vec<Vec<u8>>,
    ) -> Result<Dictionary> {
        let files = match from {
            Some(folder) => [(CONFIG_FILE, MAX_RECORD), (WEIGHTS_FILE, MAX_WEIGHTS)]
                .map(|(name, limit)| storage::read_within(&folder.join(name), limit))
                .into_iter()
                .collect::<Result<Vec<_>>>()?,
            None => bytes,
        };
        let [config, weights] = files.as_slice() else {
            refuse!(
                "a dictionary in SAELens' format has two files, {CONFIG_FILE} and {WEIGHTS_FILE}; attach both"
            );
        };
        let (settings, weights) = read_sae_lens(config, weights, at)?;
        self.make_dictionary(id, source, settings, Some(weights)).await
    }

    pub(super) fn name_feature(
        &mut self,
        run: &str,
        number: Option<u64>,
        feature: usize,
        name: &str,
    ) -> Result<Dictionary> {
        let (folder, mut record) = DictionaryFolder::open(&self.run_named(run)?, number)?;
        record.check_feature(feature).map_err(Error::Refused)?;
        let name = name.trim();
        if name.chars().count() > MAX_NAME {
            refuse!("a feature's name has at most {MAX_NAME} characters; shorten it");
        }
        record.set_name(feature, name);
        folder.save_record(&record)?;
        Ok(record)
    }

    /// A run's dictionary; a notice tells if its training was not completed.
    fn kept_dictionary(&self, run: &Run, number: Option<u64>) -> Result<(DictionaryFolder, Dictionary)> {
        let (folder, record) = DictionaryFolder::open(run, number)?;
        if record.recovery.is_none() {
            self.sink.notice(format!(
                "dictionary {} is not complete: it was trained on {} of {} tokens",
                record.number,
                whole(record.curve.last().map_or(0, |point| point.tokens)),
                whole(record.settings.tokens)
            ));
        }
        Ok((folder, record))
    }

    /// A run's dictionary and its model. Fails if the model's weights are no longer those it was trained on.
    async fn open_dictionary(
        &mut self,
        run: &str,
        number: Option<u64>,
    ) -> Result<(Run, DictionaryFolder, Dictionary, Model)> {
        let run = self.run_named(run)?;
        let (folder, record) = self.kept_dictionary(&run, number)?;
        // The best checkpoint may have become another one; the run may still have that step.
        let same_step = run.summary()?.checkpoints.into_iter().filter(|own| own.step == record.step);
        let choices = std::iter::once(CheckpointChoice::from(record.checkpoint.as_str()))
            .chain(same_step.map(|checkpoint| checkpoint.choice()));
        for checkpoint in choices {
            let source = WeightSource::Checkpoint { run: run.name(), checkpoint };
            if let Ok(model) = self.weights(&source, None).await
                && weights_crc32c(model.parameters().await?) == record.weights_crc32c
            {
                if Place::named(&model.config, &record.settings.at)?.columns != record.columns {
                    refuse!("dictionary {} does not fit its model; train another one", record.number);
                }
                return Ok((run, folder, record, model));
            }
        }
        refuse!(
            "dictionary {} belongs to {} at step {}, whose weights the run no longer has; train a dictionary of the present ones",
            record.number,
            record.run,
            whole(record.step)
        )
    }

    pub(super) async fn read_features(
        &mut self,
        id: u64,
        run: &str,
        number: Option<u64>,
        query: &FeatureQuery,
    ) -> Result<answer::Features> {
        let (run, folder, record, model) = self.open_dictionary(run, number).await?;
        let config = config_of(&run, &model.config, &record.settings)?;
        let prepared = prepare::open_aside(run.data_folder()?).await?;
        let text = query.text.as_deref().map(|text| prompt_tokens(&model.tokenizer, text)).transpose()?;
        if let Some(text) = &query.text {
            self.report_lost(id, &model.tokenizer, text);
        }
        let parameters = model.parameters().await?;
        let (device, threads) = (self.device.request.as_str(), self.options.threads);
        let Generations { lenses, .. } = &mut self.generations;
        let recorded = run.record()?.device;
        let on = (device, recorded.as_ref());
        let lens = lenses.of(&model.key, (&model.config, parameters), on, threads).await?;
        let batches = prepared.batches(&config)?;
        let mut survey = Survey {
            subject: Subject { config: &config, parameters, device, threads },
            record: &record,
            batches: batches.clone(),
            tokenizer: &model.tokenizer,
            lens,
        };
        let weights = folder.weights(&record)?;
        let own_weights = query.history.then(|| weights.clone());
        let key = [parameters, &weights.encoder, &weights.encoder_bias].map(weights_crc32c);
        let key = (record.run.clone(), record.number, record.settings.clone(), key);
        // Kept for the next query.
        let known = self.reading.take().filter(|(of, _)| *of == key);
        let mut reading = known.map(|(_, reading)| reading);
        let answer = survey.answer(weights, &mut reading, query, text.as_deref()).await;
        let own = reading.as_ref().map(Reading::densities).unwrap_or_default();
        self.reading = reading.map(|reading| (key, reading));
        let mut answer = answer?;
        if let Some(weights) = own_weights {
            self.add_history(&run, &config, &record, (&weights, &batches, own), &mut answer).await?;
        }
        Ok(answer)
    }

    /// Adds the density of features at the run's checkpoints; `own` holds those at the dictionary's.
    async fn add_history(
        &mut self,
        run: &Run,
        config: &RunConfig,
        record: &Dictionary,
        (weights, batches, own): (&features::Weights, &Batches<'_>, Vec<f64>),
        answer: &mut answer::Features,
    ) -> Result<()> {
        let checkpoints = run.summary()?.spread_checkpoints(CHECKPOINTS);
        let mut history = Vec::with_capacity(checkpoints.len());
        for (at, checkpoint) in checkpoints.iter().enumerate() {
            let densities = match checkpoint.step == record.step {
                true => own.clone(),
                false => {
                    let source =
                        WeightSource::Checkpoint { run: run.name(), checkpoint: checkpoint.choice() };
                    let model = self.weights(&source, None).await?;
                    let (device, threads) = (self.device.request.as_str(), self.options.threads);
                    let subject = Subject { config, parameters: model.parameters().await?, device, threads };
                    features::densities(&subject, record, weights, batches).await?
                }
            };
            history.push((checkpoint.step, densities));
            self.sink.progress(at as u64 + 1, checkpoints.len() as u64);
        }
        let of = |feature: usize| -> Vec<(u64, f64)> {
            history.iter().map(|(step, densities)| (*step, densities[feature])).collect()
        };
        answer.features.iter_mut().for_each(|own| own.life = Life::new(&of(own.feature)));
        if let Some(card) = &mut answer.card {
            card.history = of(card.feature);
        }
        Ok(())
    }

    pub(super) async fn steer_feature(
        &mut self,
        id: u64,
        run: &str,
        number: Option<u64>,
        steering: Steering,
    ) -> Result<answer::Steered> {
        let Steering { feature, by, clamp, prompt, config } = steering;
        config.validate()?;
        if config.needs_logits() {
            refuse!("a steered text follows no grammar, and has no biases and penalties; leave them out");
        }
        if !by.is_finite() {
            refuse!("the multiple of a feature must be finite (got {by})");
        }
        let (run, folder, record, model) = self.open_dictionary(run, number).await?;
        record.check_feature(feature).map_err(Error::Refused)?;
        self.report_lost(id, &model.tokenizer, &prompt);
        let place = Place::named(&model.config, &record.settings.at)?;
        let weights = folder.weights(&record)?;
        if clamp {
            let clamped = Clamped::new(&model.config, place, &weights, (feature, record.settings.k), by)?;
            let steered = self.clamped_text(&run, &model, &clamped, &prompt, &config).await?;
            let plain = self.text_of(&model, &prompt, &config).await?;
            return Ok(answer::Steered { prompt, feature, by, clamp, plain, steered });
        }
        let mut vector = weights.direction(feature);
        vector.iter_mut().for_each(|entry| *entry *= by);
        let (changed, parameters) = steered(&model.config, model.parameters().await?, place.to, &vector)?;
        // No other weights have this key, and its decoder is not kept.
        let key = (model.key.0.clone(), format!("feature {feature}"), u64::MAX);
        let values = Arc::new(Weights::from_floats(parameters));
        let changed = Model { key, config: changed, values, weights: WeightFormat::F32, ..model.clone() };
        let plain = self.text_of(&model, &prompt, &config).await?;
        let steered = self.text_of(&changed, &prompt, &config).await?;
        Ok(answer::Steered { prompt, feature, by, clamp, plain, steered })
    }

    /// Explains a next token with the newest transcoders of all blocks that were trained on the same weights.
    pub(super) async fn graph_features(
        &mut self,
        id: u64,
        run: &str,
        query: &GraphQuery,
    ) -> Result<answer::FeatureGraph> {
        let run = self.run_named(run)?;
        let numbers = DictionaryFolder::all(&run).into_iter().rev();
        let opened = numbers.filter_map(|number| DictionaryFolder::open(&run, Some(number)).ok());
        let mut kept: Vec<_> = opened.filter(|(_, record)| record.settings.at.ends_with(".mlp")).collect();
        let train = format!("`glasshouse features train --run {} --at 'blocks.*.mlp'`", run.name());
        let Some((_, newest)) = kept.first() else {
            refuse!("{} has no transcoders; train them with {train}", run.name());
        };
        let number = newest.number;
        let (run, _, newest, model) = self.open_dictionary(&run.name(), Some(number)).await?;
        let mut transcoders = Vec::with_capacity(model.config.layers);
        for block in 0..model.config.layers {
            let suits = |(_, record): &(DictionaryFolder, Dictionary)| {
                record.settings.at == format!("blocks.{block}.mlp")
                    && record.weights_crc32c == newest.weights_crc32c
            };
            let Some(at) = kept.iter().position(suits) else {
                refuse!(
                    "{} has no transcoder of block {block} at step {}; train one for each block with {train}",
                    run.name(),
                    whole(newest.step)
                );
            };
            let (folder, record) = kept.swap_remove(at);
            transcoders.push(Transcoder { weights: folder.weights(&record)?, record });
            platform::yield_now().await;
        }
        let tokens = prompt_tokens(&model.tokenizer, &query.prompt)?;
        self.report_lost(id, &model.tokenizer, &query.prompt);
        let chosen = match &query.token {
            None => None,
            Some(text) => {
                // Its own tokens may differ: some tokenizers begin every text with a space.
                let whole = prompt_tokens(&model.tokenizer, &format!("{}{text}", query.prompt))?;
                if !whole.starts_with(&tokens) {
                    refuse!(
                        "with {text:?} after it, the prompt has other tokens; end the prompt before the word of {text:?}"
                    );
                }
                Some(*whole.get(tokens.len()).ok_or_else(|| {
                    Error::Refused("the explained token is empty; leave it out for the likeliest".to_owned())
                })?)
            }
        };
        let parameters = model.parameters().await?;
        let recorded = run.record()?.device;
        let on = (self.device.request.as_str(), recorded.as_ref());
        let lenses = &mut self.generations.lenses;
        let lens = lenses.of(&model.key, (&model.config, parameters), on, self.options.threads).await?;
        let (asked, on_progress) = ((chosen, query.count), |done, total| self.sink.progress(done, total));
        let found =
            attribution_graph(lens, &model.tokenizer, &transcoders, &tokens, asked, on_progress).await?;
        Ok(answer::FeatureGraph { run: run.name(), step: model.step, ..found })
    }

    /// A continuation with a clamped feature. Every token reads the whole text.
    async fn clamped_text(
        &mut self,
        run: &Run,
        model: &Model,
        clamped: &Clamped<'_>,
        prompt: &str,
        config: &GenerateConfig,
    ) -> Result<String> {
        let mut text = prompt_tokens(&model.tokenizer, prompt)?;
        let request = request(&*model.tokenizer, &text, &[], config);
        let mut writer = Writer::new(&request.config, request.ends, None, request.decode);
        let (sampling, context) = (Sampling::new(config), model.config.context_length);
        let parameters = model.parameters().await?;
        let recorded = run.record()?.device;
        let on = (self.device.request.as_str(), recorded.as_ref());
        let lenses = &mut self.generations.lenses;
        let lens = lenses.of(&model.key, (&model.config, parameters), on, self.options.threads).await?;
        while writer.ending().is_none() {
            let window = &text[text.len().saturating_sub(context)..];
            let logits = clamped.logits(lens, window).await?;
            let written = writer.tokens().len();
            let logits = match written < config.min_tokens {
                true => masked(&logits, &request.config.stop_tokens),
                false => logits,
            };
            let token = sample(&logits, window, &sampling, draw(config.seed, written as u64));
            writer.push(token);
            text.push(token);
            platform::yield_now().await;
        }
        Ok(writer.text().to_owned())
    }

    /// A continuation in 32-bit floats.
    async fn text_of(&mut self, model: &Model, prompt: &str, config: &GenerateConfig) -> Result<String> {
        let mut decoder = self.decoder(model, Some(WeightFormat::F32), 1, None).await?;
        let tokens = prompt_tokens(&model.tokenizer, prompt)?;
        let mut batch = Batch::new(&mut decoder, [request(&*model.tokenizer, &tokens, &[], config)])?;
        while !batch.is_over() {
            batch.next(&mut decoder).await?;
            platform::yield_now().await;
        }
        Ok(batch.finish().pop().unwrap_or_default().text)
    }

    /// Copies the files for SAELens to a folder, or packs them with the answer.
    pub(super) async fn export_dictionary(
        &mut self,
        id: u64,
        run: &str,
        number: Option<u64>,
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let run = self.run_named(run)?;
        let (folder, record) = self.kept_dictionary(&run, number)?;
        // Read, so that damage is found.
        folder.weights(&record)?;
        if let Some(block) = record.settings.at.strip_suffix(".mlp") {
            refuse!("transcoders are not exported; export a dictionary of {block}.mlp.output");
        }
        let name = format!("{}-features-{}", run.name(), record.number);
        let Some(to) = to else {
            let (packed, _) = archive::pack_folder(folder.path(), &Yielder::new()).await?;
            self.sink.attached(id, format!("{name}.zip"), packed);
            return Ok(());
        };
        let names = [CONFIG_FILE, WEIGHTS_FILE];
        storage::check_place(&to, "an exported dictionary", &names, !keep)?;
        let staging = Staging::beside(&to)?;
        for name in names {
            let from = folder.path().join(name);
            let bytes = files::read(&from).map_err(Error::io(&from))?;
            storage::write_atomically(&staging.path().join(name), &bytes)?;
        }
        staging.put(&to)?;
        self.sink.exported(id, name, &to, &names.map(|name| to.join(name)), None);
        Ok(())
    }
}
