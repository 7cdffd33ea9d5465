//! How much a model reveals of the canaries in its training text (`data.canaries`). The exposure of a canary is log₂|R|
//! − log₂ rank, where R is the set of possible secrets and the rank is the secret's among them by the sentence's
//! probability (Carlini et al. 2019, "The secret sharer", arXiv:1802.08232). R is too large to score, so the rank is
//! estimated from a sample, as in the paper; the sample size bounds the estimate.

use super::texts::Texts;
use super::{Auditor, mean, skipped};
use crate::{OnProgress, Scoring};
use glasshouse_platform::Result;
use glasshouse_protocol::AuditSettings;
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Cell, Metric, Table};
use glasshouse_protocol::quantity::whole;
use glasshouse_protocol::random::nth;
use glasshouse_text::data::canaries::{Canaries, Canary, SPACE};
use std::collections::BTreeMap;

/// Number of alternatives each secret is compared with; a power of two including the secret.
pub(super) const ALTERNATIVES: u64 = 1023;

/// Number of canaries that were not planted, for comparison.
const OTHERS: usize = 4;

/// Stream id of the random draws.
const NUMBERS: u64 = 0x616c_7465;

/// Sentences scored between progress reports.
const AT_ONCE: usize = 128;

struct Exposed {
    canary: Canary,
    /// Number of alternatives that are at least as likely.
    likelier: u64,
    bits: f64,
}

pub(super) async fn canaries(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    texts: &Texts,
    on_progress: OnProgress<'_>,
) -> Result<AuditSection> {
    let mut found = None;
    for folder in texts.folders() {
        if let Some(canaries) = Canaries::read(folder)? {
            found = Some(canaries);
            break;
        }
    }
    let Some(canaries) = found else {
        let reason = match texts.absence() {
            Some(absence) => format!("{absence}, so whether it contains canaries is unknown"),
            None => "the training text contains no canaries; data.canaries=14 inserts some".to_owned(),
        };
        return Ok(skipped(AuditTopic::Canaries, "Canaries", reason));
    };
    let all: Vec<Canary> = canaries.planted.iter().cloned().chain(canaries.others(OTHERS)).collect();
    let total = all.len() as u64 * (ALTERNATIVES + 1);
    let (mut exposed, mut cut, mut done) = (Vec::with_capacity(all.len()), false, 0);
    for (place, canary) in (0..).zip(all) {
        let numbers = std::iter::once(canary.number).chain((0..ALTERNATIVES).map(|draw| {
            let number = nth(nth(settings.seed, NUMBERS, place), NUMBERS, draw) % SPACE;
            // Never the secret itself.
            if number == canary.number { (number + 1) % SPACE } else { number }
        }));
        let texts: Vec<String> = numbers.map(|number| format!("\n{}", canary.with(number))).collect();
        let mut sums = Vec::with_capacity(texts.len());
        for some in texts.chunks(AT_ONCE) {
            sums.extend(scored(auditor, some, &mut cut).await?);
            done += some.len() as u64;
            on_progress("canaries: scoring secrets", done, total);
        }
        let own = sums.first().copied().unwrap_or(f64::NEG_INFINITY);
        // If all scores are NaN, every alternative counts as more likely, so the exposure is 0.
        let likelier = sums.iter().skip(1).filter(|other| other.total_cmp(&own).is_ge()).count() as u64;
        exposed.push(Exposed { canary, likelier, bits: exposure(likelier) });
    }
    Ok(section(&exposed, canaries.planted.len(), cut, settings.seed))
}

/// Exposure in bits of a secret with this many alternatives at least as likely. The estimated rank is (1 + likelier) ·
/// |R| / (1 + alternatives).
pub(super) fn exposure(likelier: u64) -> f64 {
    let share = (1 + likelier) as f64 / (1 + ALTERNATIVES) as f64;
    -libm::log2(share)
}

/// Log-probability of each text, cut at its beginning to fit the context; sets `cut` if any was cut.
async fn scored(auditor: &mut Auditor<'_>, texts: &[String], cut: &mut bool) -> Result<Vec<f64>> {
    let most = auditor.subject.scorer.config().context_length + 1;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let tokens = auditor.subject.tokenizer.tokenizer.encode_many(&texts)?;
    *cut |= tokens.iter().any(|own| own.len() > most);
    let asked: Vec<Scoring<'_>> = tokens
        .iter()
        .map(|own| Scoring { tokens: own.get(own.len().saturating_sub(most)..).unwrap_or_default(), from: 1 })
        .collect();
    auditor.subject.scorer.log_likelihoods(&asked).await
}

fn section(exposed: &[Exposed], planted: usize, cut: bool, seed: u64) -> AuditSection {
    let (own, others) = exposed.split_at(planted.min(exposed.len()));
    let (most, space) = (exposure(0), libm::log2(SPACE as f64));
    let sample = format!(
        "{} and {} that were not planted, each ranked among {} other numbers out of {} possible ones.",
        if own.len() == 1 { "1 canary".to_owned() } else { format!("{} canaries", whole(own.len() as u64)) },
        whole(others.len() as u64),
        whole(ALTERNATIVES),
        whole(SPACE),
    );
    let mut limits = vec![
        format!(
            "The rank is estimated from a sample: an exposure of {most:.0} bits means that no sampled number was likelier; the true \
             exposure may be up to {space:.1} bits."
        ),
        "A secret with low exposure is not safe: another format or more repetition may extract it."
            .to_owned(),
        "Canaries differ from the surrounding text, which makes them easier to memorise than ordinary text."
            .to_owned(),
    ];
    if cut {
        limits.push(
            "The context is shorter than a canary: only its end was scored, possibly without the name."
                .to_owned(),
        );
    }
    AuditSection {
        name: AuditTopic::Canaries,
        title: "Canaries".to_owned(),
        sample,
        metrics: vec![
            of_some("exposure_bits", own, seed),
            of_some("exposure_bits_not_planted", others, seed),
        ],
        tables: vec![by_insertions(exposed, seed), each(exposed)],
        limits,
        skipped: None,
    }
}

fn of_some(name: &str, exposed: &[Exposed], seed: u64) -> Metric {
    let bits: Vec<f64> = exposed.iter().map(|own| own.bits).collect();
    mean(name, &bits, "canaries", seed)
}

fn by_insertions(exposed: &[Exposed], seed: u64) -> Table {
    let mut by: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    exposed.iter().for_each(|own| by.entry(own.canary.insertions).or_default().push(own.bits));
    let row = |(insertions, bits): (u64, Vec<f64>)| {
        let highest = bits.iter().copied().fold(0.0, f64::max);
        let exposure = mean("exposure_bits", &bits, "canaries", seed);
        [insertions.into(), (bits.len() as u64).into(), exposure.into(), Cell::Number(highest)]
    };
    let columns = ["times planted", "canaries", "exposure, bits", "highest"];
    Table {
        about: "A canary that was not planted has about 1.4 bits on average, by chance.".to_owned(),
        ..Table::new("By number of insertions", columns, by.into_iter().map(row))
    }
}

fn each(exposed: &[Exposed]) -> Table {
    let row = |own: &Exposed| {
        let rank = format!("{} of {}", whole(own.likelier + 1), whole(ALTERNATIVES + 1));
        [own.canary.text().into(), own.canary.insertions.into(), rank.into(), Cell::Number(own.bits)]
    };
    let columns = ["canary", "times planted", "rank in the sample", "exposure, bits"];
    Table::new("Each canary", columns, exposed.iter().map(row))
}
