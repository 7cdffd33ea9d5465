//! Audits models and stores the results with their runs.

use super::evaluation::{AnswerWriter, Assessment, Finish, ProgressReporter};
use super::training::ActiveRun;
use super::{RequestOutcome, Session};
use crate::evaluation::Subject;
use crate::evaluation::audit::{self, Auditor};
use crate::inspection::Indices;
use crate::metrics::bias::{self, PairFile};
use crate::project::{Run, weights_crc32c};
use crate::protocol::{AUDITING, Audit, AuditSettings, WeightSource, answer, order};
use crate::{Error, Result, storage};
use std::path::Path;
use web_time::{Duration, Instant};

const MAX_PAIRS_BYTES: u64 = 64 << 20;

impl Session {
    /// Audits a model for bias, memorised text and personal data: at once, or, while a run trains, between its groups of steps.
    pub(super) async fn audit(
        &mut self,
        id: u64,
        source: &WeightSource,
        settings: AuditSettings,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<RequestOutcome> {
        let begun = Instant::now();
        audit::asked(&settings)?;
        let own = settings.pairs.as_deref().map(own_pairs).transpose()?.unwrap_or_default();
        let of = self.assessment(id, source, live.as_mut()).await?;
        let (run, trains) = (of.run.clone(), live.is_some());
        let writer = self.writer(&of.model, live).await?;
        let making = Making { of, indices: self.generations.indices.clone(), writer, settings, own };
        let before = begun.elapsed();
        let work = async move {
            let found = making.make(before).await;
            Box::new(move |session: &Session, _: Duration| session.audited(id, found?)) as Finish
        };
        self.work_beside((id, AUDITING), run, trains.then_some(before), work).await
    }

    fn audited(&self, id: u64, (run, audit, keep): (Run, Audit, bool)) -> Result<()> {
        if keep {
            self.kept(&run, run.keep_audit(&with_kept(&audit, self.readable(run.audit()))));
        }
        let audits = vec![audit];
        self.sink.answer(id, answer::Evaluations { audits, ..answer::Evaluations::default() });
        Ok(())
    }
}

struct Making {
    of: Assessment,
    indices: Indices,
    writer: AnswerWriter,
    settings: AuditSettings,
    own: PairFile,
}

impl Making {
    /// Performs the audit; returns its run, the results, and whether to store them. `before` is the time it has already taken;
    /// the time until the first poll does not count.
    async fn make(self, before: Duration) -> Result<(Run, Audit, bool)> {
        let begun = Instant::now();
        let Self { of, mut indices, writer, settings, own } = self;
        let mut reporter = ProgressReporter::new(&of);
        let mut decoder = writer.open(&of).await?;
        let mut scorer = of.scorer().await?;
        let Assessment { model, run, .. } = &of;
        let device = scorer.device().to_owned();
        let mut auditor = Auditor {
            subject: Subject {
                scorer: &mut scorer,
                tokenizer: model.tokenizer.files(),
                run,
                parameters: model.parameters().await?,
            },
            decoder: &mut decoder,
            indices: &mut indices,
        };
        let mut on_progress = |what: &str, done: u64, total: u64| reporter.report(what, done, total);
        let sections = audit::audit(&mut auditor, &settings, &own, &mut on_progress).await?;
        let audit = Audit {
            run: model.key.0.clone(),
            checkpoint: model.key.1.clone(),
            step: model.step,
            weights_crc32c: weights_crc32c(model.parameters().await?),
            made: storage::unix_seconds(),
            device,
            seconds: (before + begun.elapsed()).as_secs_f64(),
            sections,
        };
        Ok((of.run, audit, settings.keep))
    }
}

/// Adds those sections of the previous audit that this one lacks, if both are of the same weights.
fn with_kept(audit: &Audit, before: Option<Audit>) -> Audit {
    let is_same = |before: &Audit| before.weights_crc32c == audit.weights_crc32c && before.step == audit.step;
    let mut whole = audit.clone();
    let has = |topic| audit.sections.iter().any(|own| own.name == topic);
    let others = before.filter(is_same).into_iter().flat_map(|before| before.sections);
    whole.sections.extend(others.filter(|section| !has(section.name)));
    order::sort_by_key(&mut whole.sections, |section| section.name);
    whole
}

/// The user's own pairs: a path, or the text of the file itself.
fn own_pairs(given: &str) -> Result<PairFile> {
    if given.contains('\n') || given.trim_start().starts_with('{') {
        return some_of(bias::read(given), "the file of pairs");
    }
    some_of(bias::read(&storage::read_text(Path::new(given), MAX_PAIRS_BYTES)?), given)
}

/// Fails if the file has no valid pair.
fn some_of(file: PairFile, name: &str) -> Result<PairFile> {
    if !file.pairs.is_empty() {
        return Ok(file);
    }
    Err(Error::Refused(match file.broken.first() {
        Some((line, reason)) => format!("{name} has no pair: line {line}: {reason}"),
        None => format!("{name} has no pair: it is empty"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::evaluation::AuditTopic::{Bias, Canaries, Moderation, Personal};
    use crate::protocol::evaluation::{AuditSection, AuditTopic};

    fn of(crc: u32, sections: &[(AuditTopic, &str)]) -> Audit {
        let section = |(name, sample): &(AuditTopic, &str)| AuditSection {
            name: *name,
            sample: (*sample).to_owned(),
            ..AuditSection::default()
        };
        Audit { weights_crc32c: crc, sections: sections.iter().map(section).collect(), ..Audit::default() }
    }

    #[test]
    fn parts_of_the_same_weights_stay_and_are_replaced_by_name() {
        let before = || Some(of(7, &[(Bias, "old"), (Personal, "old"), (Moderation, "old")]));
        let now = of(7, &[(Canaries, "new"), (Bias, "new")]);
        let names = |audit: &Audit| -> Vec<String> {
            audit.sections.iter().map(|own| format!("{} {}", own.name.name(), own.sample)).collect()
        };
        assert_eq!(
            names(&with_kept(&now, before())),
            ["bias new", "moderation old", "canaries new", "personal old"]
        );
        assert_eq!(names(&with_kept(&of(8, &[(Bias, "new")]), before())), ["bias new"]);
        assert_eq!(names(&with_kept(&now, None)), ["bias new", "canaries new"]);
    }

    #[test]
    fn pairs_come_as_a_path_or_as_a_text_and_one_at_least() {
        assert_eq!(own_pairs("{\"more\":\"a\",\"less\":\"b\"}").unwrap().pairs.len(), 1);
        let said = |given: &str| own_pairs(given).unwrap_err().to_string();
        assert!(said("{\"mor\":\"a\"}").contains("line 1: expected `more`"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.jsonl");
        let name = path.display().to_string();
        assert!(said(&name).contains("pairs.jsonl"));
        std::fs::write(&path, "").unwrap();
        assert!(said(&name).contains("has no pair"));
        std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        assert!(said(&name).contains("UTF-8"));
    }
}
