//! Sparse dictionaries: training, features, steering and export.

use super::Session;
use super::models::{Generations, Model, Weights};
use crate::data::prepare;
use crate::features::{
    CONFIG_FILE, DictionaryFolder, DictionaryTraining, Subject, Survey, WEIGHTS_FILE, config_of, hook_point,
    steered,
};
use crate::generation::{Batch, prompt_tokens, request};
use crate::platform::{self, Yielder, files};
use crate::project::{Run, archive, weights_crc32c};
use crate::protocol::answer;
use crate::protocol::features::{Dictionary, DictionarySettings, FeatureQuery, Steering};
use crate::protocol::quantity::{percent, whole};
use crate::protocol::{CheckpointChoice, GenerateConfig, WeightFormat, WeightSource};
use crate::storage::{self, Staging};
use crate::{Error, Result, refuse};
use std::path::PathBuf;
use std::sync::Arc;

/// Fraction of dead features that is reported as a problem.
const TOO_MANY_DEAD: f64 = 0.5;

impl Session {
    /// Trains a dictionary, with an answer before and after each part of the training.
    pub(super) async fn train_dictionary(
        &mut self,
        id: u64,
        source: &WeightSource,
        settings: DictionarySettings,
    ) -> Result<Dictionary> {
        let model = self.weights(source, None).await?;
        let run = self.run_named(&model.key.0)?;
        hook_point(&model.config, &settings.at)?;
        let config = config_of(&run, &model.config, &settings)?;
        let prepared = prepare::open_aside(run.data_folder()?).await?;
        let batches = prepared.batches(&config)?;
        let parameters = model.parameters().await?;
        let (folder, number) = DictionaryFolder::next(&run);
        let record = Dictionary {
            run: run.name(),
            number,
            checkpoint: model.key.1.clone(),
            step: model.step,
            weights_crc32c: weights_crc32c(parameters),
            ..Dictionary::default()
        };
        let (device, threads) = (self.device.request.as_str(), self.options.threads);
        let subject = Subject { config: &config, parameters, device, threads };
        let mut training = DictionaryTraining::begin(&subject, batches, settings, folder, record).await?;
        let mut warned = false;
        loop {
            self.sink.answer(id, training.record().clone());
            platform::yield_now().await;
            if !training.advance().await? {
                return Ok(training.record().clone());
            }
            if let Some(point) = training.record().curve.last()
                && point.dead > TOO_MANY_DEAD
                && !std::mem::replace(&mut warned, true)
            {
                let text = format!(
                    "{} of the features are dead after {} tokens; a smaller width, a larger k or more tokens leave fewer",
                    percent(point.dead),
                    whole(point.tokens)
                );
                self.sink.notice(text);
            }
        }
    }

    /// A run's dictionary and its model. Fails if the model's weights are no longer those it was trained on.
    async fn open_dictionary(
        &mut self,
        run: &str,
        number: Option<u64>,
    ) -> Result<(Run, DictionaryFolder, Dictionary, Model)> {
        let run = self.run_named(run)?;
        let (folder, record) = DictionaryFolder::open(&run, number)?;
        // The best checkpoint may have become another one; the run may still have that step.
        let same_step = run.summary()?.checkpoints.into_iter().filter(|own| own.step == record.step);
        let choices = std::iter::once(CheckpointChoice::from(record.checkpoint.as_str()))
            .chain(same_step.map(|checkpoint| checkpoint.choice()));
        for checkpoint in choices {
            let source = WeightSource::Checkpoint { run: run.name(), checkpoint };
            if let Ok(model) = self.weights(&source, None).await
                && weights_crc32c(model.parameters().await?) == record.weights_crc32c
            {
                if hook_point(&model.config, &record.settings.at)?.1 != record.columns {
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
            self.tell_lost(id, &model.tokenizer, text);
        }
        let parameters = model.parameters().await?;
        let (device, threads) = (self.device.request.as_str(), self.options.threads);
        let Generations { lenses, .. } = &mut self.generations;
        let recorded = run.record()?.device;
        let on = (device, recorded.as_ref());
        let lens = lenses.of(&model.key, (&model.config, parameters), on, threads).await?;
        let mut survey = Survey {
            subject: Subject { config: &config, parameters, device, threads },
            record: &record,
            batches: prepared.batches(&config)?,
            tokenizer: &model.tokenizer,
            lens,
        };
        survey.answer(folder.weights(&record)?, query, text.as_deref()).await
    }

    pub(super) async fn steer_feature(
        &mut self,
        id: u64,
        run: &str,
        number: Option<u64>,
        steering: Steering,
    ) -> Result<answer::Steered> {
        let Steering { feature, by, prompt, config } = steering;
        config.validate()?;
        if !by.is_finite() {
            refuse!("the multiple of a feature must be finite (got {by})");
        }
        let (_, folder, record, model) = self.open_dictionary(run, number).await?;
        if feature >= record.settings.width {
            refuse!(
                "dictionary {} has no feature {feature}; the last is {}",
                record.number,
                record.settings.width - 1
            );
        }
        self.tell_lost(id, &model.tokenizer, &prompt);
        let (at, _) = hook_point(&model.config, &record.settings.at)?;
        let mut vector = folder.weights(&record)?.direction(feature);
        vector.iter_mut().for_each(|entry| *entry *= by);
        let (changed, parameters) = steered(&model.config, model.parameters().await?, at, &vector)?;
        // No other weights have this key, and its decoder is not kept.
        let key = (model.key.0.clone(), format!("feature {feature}"), u64::MAX);
        let values = Arc::new(Weights::from_floats(parameters));
        let changed = Model { key, config: changed, values, weights: WeightFormat::F32, ..model.clone() };
        let plain = self.text_of(&model, &prompt, &config).await?;
        let steered = self.text_of(&changed, &prompt, &config).await?;
        Ok(answer::Steered { prompt, feature, by, plain, steered })
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
        let (folder, record) = DictionaryFolder::open(&run, number)?;
        // Read, so that damage is found.
        folder.weights(&record)?;
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
