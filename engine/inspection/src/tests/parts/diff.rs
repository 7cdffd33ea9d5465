//! What changed between two models, compared with direct computations.

use super::bench::{Bench, Seen, gpt, lens, llama, near, number, refusal, sandwich, small, softmax};
use crate::{Lens, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::Yielder;
use glasshouse_protocol::evaluation::{Cell, LossUnit};
use glasshouse_protocol::inspect::{Detail, InspectSettings};
use glasshouse_protocol::{GenerateConfig, TokenizerConfig, TokenizerKind};
use glasshouse_text::tokenizer::Tokenizer;
use pollster::block_on;

/// Longer than the context of 32.
const TEXT: &str = "The fox sat by the river, and one day the fox saw a little red boat on the water.";

fn settings() -> InspectSettings {
    let sampling = GenerateConfig { max_tokens: 6, ignore_end: true, ..GenerateConfig::default() };
    InspectSettings { sampling, count: 5, ..InspectSettings::default() }
}

/// Another lens with the same weights.
fn twin(lens: &Lens) -> Lens {
    lens.beside(lens.config(), lens.arena().to_vec()).unwrap()
}

fn tokenizer(kind: TokenizerKind, vocabulary: usize, text: &str) -> Tokenizer {
    let config = TokenizerConfig { min_frequency: 1, ..TokenizerConfig::new(kind, vocabulary) };
    block_on(Tokenizer::train(&config, [text], &Yielder::none())).unwrap()
}

/// The prediction of each token but the first, in windows of the context.
fn predictions(lens: &mut Lens, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for window in tokens.chunks(lens.config().context_length) {
        let logits: Tensor = block_on(lens.probe(window, &[HookPoint::Logits])).unwrap().remove(0);
        rows.extend(logits.rows().map(softmax));
    }
    rows.truncate(tokens.len() - 1);
    rows
}

fn rows<'a>(seen: &'a Seen, title: &str) -> &'a [Vec<Cell>] {
    let tables = seen.inspected.details.iter().filter_map(|detail| match detail {
        Detail::Tables { tables } => Some(tables),
        _ => None,
    });
    &tables.flatten().find(|table| table.title == title).unwrap_or_else(|| panic!("no table {title}")).rows
}

/// The numbers in a row of a table.
fn numbers(row: &[Cell]) -> Vec<f32> {
    let numbers = |cell: &Cell| match cell {
        Cell::Number(value) => vec![*value as f32],
        Cell::Count(count) => vec![*count as f32],
        Cell::Metric(metric) => metric
            .value
            .into_iter()
            .chain(metric.interval.into_iter().flatten())
            .map(|value| value as f32)
            .collect(),
        _ => Vec::new(),
    };
    row.iter().flat_map(numbers).collect()
}

fn is_named(row: &[Cell], name: &str) -> bool {
    row[0] == Cell::Text(name.to_owned())
}

/// A mean over the whole text.
fn figure(seen: &Seen, name: &str) -> Vec<f32> {
    numbers(rows(seen, "The whole text").iter().find(|row| is_named(row, name)).unwrap())
}

fn samples(seen: &Seen) -> &[(String, String)] {
    let found = seen.inspected.details.iter().find_map(|detail| match detail {
        Detail::Samples { texts, .. } => Some(texts),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn the_same_model_did_not_change_at_all() {
    for config in [gpt(), llama(), sandwich()] {
        let mut bench = Bench::new(config);
        let mut before = twin(&bench.lens);
        let own = bench.tokenizer.clone();
        let seen = bench.look_from(&mut before, &own, TEXT, &settings()).unwrap();
        for name in ["divergence", "divergence_back", "change", "weights", "activations", "effect"] {
            let found = seen.floats(name);
            assert!(!found.is_empty() && found.iter().all(|entry| *entry == 0.0), "{name}: {found:?}");
        }
        assert_eq!(figure(&seen, "loss before"), figure(&seen, "loss after"));
        for name in ["KL(before ‖ after)", "KL(after ‖ before)", "loss after − before"] {
            assert!(figure(&seen, name).iter().all(|value| *value == 0.0), "{name}");
        }
        for title in ["Tokens gained", "Tokens forgotten"] {
            assert!(rows(&seen, title).is_empty());
        }
        let parameters = rows(&seen, "Parameters");
        assert_eq!(parameters.len(), bench.lens.parameters().len());
        assert!(parameters.iter().all(|row| numbers(row) == [0.0, 0.0]), "{parameters:?}");
        let [(_, one), (_, other)] = samples(&seen) else { panic!() };
        assert!(one == other && !one.is_empty());
        let Some(Detail::Samples { verdict, .. }) = seen.inspected.details.first() else {
            panic!("no texts")
        };
        assert!(verdict.starts_with("Both models predict this text equally well"), "{verdict}");
    }
}

#[test]
fn a_changed_head_comes_first_in_weights_outputs_and_effect() {
    for config in [gpt(), llama()] {
        let mut bench = Bench::new(config);
        let mut before = twin(&bench.lens);
        let kept = before.arena().to_vec();
        // The third of four heads of four dimensions.
        let (width, changed) = (bench.lens.config().width, 2);
        let output = bench.lens.weights_mut("blocks.0.attention.output.weight").unwrap();
        output.chunks_exact_mut(width).for_each(|row| row[8..12].iter_mut().for_each(|entry| *entry *= -1.0));
        let queries = bench.lens.weights_mut("blocks.0.attention.qkv.weight").unwrap();
        queries[8 * width..12 * width].iter_mut().for_each(|entry| *entry *= 0.5);
        let own = bench.tokenizer.clone();
        let seen = bench.look_from(&mut before, &own, TEXT, &settings()).unwrap();
        for name in ["weights", "activations", "effect"] {
            let found = seen.floats(name);
            let heads: Vec<f32> =
                found.chunks(6).flat_map(|parts| &parts[2..]).map(|entry| entry.abs()).collect();
            let first = (0..heads.len()).max_by(|one, other| heads[*one].total_cmp(&heads[*other])).unwrap();
            assert_eq!(first, changed, "{name}: {heads:?}");
            // Before anything differs, no other head of the layer does.
            assert!([0, 1, 3].iter().all(|head| heads[*head] == 0.0), "{name}: {heads:?}");
        }
        // Nothing else changed, so this head, and its attention, explain the whole difference.
        let effect = seen.floats("effect");
        let whole = figure(&seen, "loss after")[0] - figure(&seen, "loss before")[0];
        assert!(whole.abs() > 1e-3);
        near(&[effect[2 + changed], effect[0]], &[whole; 2], 1e-4);
        assert!(effect[1] == 0.0 && effect[6..].iter().all(|entry| *entry == 0.0), "{effect:?}");
        assert_eq!(before.arena(), kept, "the earlier model has its weights back");
        let moved: Vec<&[Cell]> =
            rows(&seen, "Parameters").iter().map(Vec::as_slice).filter(|row| numbers(row)[0] > 0.0).collect();
        assert_eq!(moved.len(), 2, "{moved:?}");
        for name in ["qkv", "output"] {
            let name = format!("blocks.0.attention.{name}.weight");
            assert!(moved.iter().any(|row| is_named(row, &name)), "{moved:?}");
        }
    }
}

#[test]
fn divergences_and_changes_are_those_of_the_logits() {
    let mut bench = Bench::new(gpt());
    let mut before = twin(&bench.lens);
    let moved: Vec<f32> =
        before.arena().iter().enumerate().map(|(n, entry)| entry + 0.1 * number(9, n)).collect();
    before.set_arena(&moved).unwrap();
    let own = bench.tokenizer.clone();
    let tokens = bench.tokens(TEXT);
    let seen = bench.look_from(&mut before, &own, TEXT, &settings()).unwrap();
    let (old, new) = (predictions(&mut before, &tokens), predictions(&mut bench.lens, &tokens));
    let kl = |p: &[f32], q: &[f32]| -> f32 {
        let of = |(p, q): (&f32, &f32)| f64::from(*p) * (f64::from(*p) / f64::from(*q)).log2();
        p.iter().zip(q).map(of).sum::<f64>() as f32
    };
    let pairs = || old.iter().zip(&new);
    let divergence: Vec<f32> = pairs().map(|(old, new)| kl(old, new)).collect();
    near(&seen.floats("divergence")[1..], &divergence, 1e-4);
    let back: Vec<f32> = pairs().map(|(old, new)| kl(new, old)).collect();
    near(&seen.floats("divergence_back")[1..], &back, 1e-4);
    let target = |at: usize| tokens[at + 1] as usize;
    let change: Vec<f32> =
        pairs().enumerate().map(|(at, (old, new))| (new[target(at)] / old[target(at)]).log2()).collect();
    near(&seen.floats("change")[1..], &change, 1e-4);
    let [mean, low, high] = figure(&seen, "KL(before ‖ after)")[..] else { panic!() };
    near(&[mean], &[divergence.iter().sum::<f32>() / divergence.len() as f32], 1e-4);
    assert!(low < mean && mean < high, "{low} {mean} {high}");
    let loss = |rows: &[Vec<f32>]| {
        let all = rows.iter().enumerate().map(|(at, row)| -row[target(at)].log2());
        all.sum::<f32>() / rows.len() as f32
    };
    near(&[figure(&seen, "loss before")[0], figure(&seen, "loss after")[0]], &[loss(&old), loss(&new)], 1e-4);
    let predicted = (TEXT.len() - own.token_bytes(tokens[0]).len()) as f32;
    for (unit, factor) in
        [(LossUnit::Nats, std::f32::consts::LN_2), (LossUnit::Bits, (tokens.len() - 1) as f32 / predicted)]
    {
        let settings = InspectSettings { unit: Some(unit), ..settings() };
        let other = bench.look_from(&mut before, &own, TEXT, &settings).unwrap();
        near(&[figure(&other, "loss before")[0]], &[factor * loss(&old)], 1e-4);
        near(&[figure(&other, "KL(before ‖ after)")[0]], &[mean], 1e-6);
        let Some(Detail::Samples { verdict, .. }) = other.inspected.details.first() else { panic!() };
        assert!(verdict.contains(unit.name()), "{verdict}");
    }
    let listed = rows(&seen, "Largest divergence");
    assert_eq!(listed.len(), 5);
    let [place, kl, own, ..] = numbers(&listed[0])[..] else { panic!("{listed:?}") };
    let first = place as usize - 1;
    near(&[kl, own], &[divergence[first], change[first]], 1e-4);
    near(&[kl], &[divergence.iter().copied().fold(0.0, f32::max)], 1e-4);
    let most = new[first].iter().copied().fold(0.0, f32::max);
    let Cell::Text(likeliest) = &listed[0][5] else { panic!("{listed:?}") };
    assert!(likeliest.contains(&format!("{most:.2}")), "{likeliest}");
    // A token's changes over the text add up.
    let gained = &rows(&seen, "Tokens gained")[0];
    let named = |token: u32| is_named(gained, &format!("{:?}", bench.tokenizer.describe(token).text));
    let of_token: Vec<f32> =
        tokens[1..].iter().zip(&change).filter(|(token, _)| named(**token)).map(|(_, bits)| *bits).collect();
    near(&numbers(gained), &[of_token.iter().sum(), of_token.len() as f32], 1e-3);
}

#[test]
fn other_tokenizers_are_compared_by_bytes_and_other_texts_refused() {
    let mut bench = Bench::new(gpt());
    let words = tokenizer(TokenizerKind::Bpe, 290, TEXT);
    let mut config = bench.config.model.clone();
    config.vocabulary = words.vocabulary_size();
    let mut before = lens(&config, 0.6);
    let seen = bench.look_from(&mut before, &words, TEXT, &settings()).unwrap();
    assert!(["divergence", "weights", "effect"].iter().all(|name| !seen.has(name)));
    assert!(seen.inspected.notices.iter().any(|notice| notice.contains("different tokenizers")));
    let tokens = words.encode_prompt(TEXT).unwrap();
    assert!(tokens.len() < TEXT.len(), "no longer tokens");
    let rows = predictions(&mut before, &tokens);
    let bits: f32 = rows.iter().zip(&tokens[1..]).map(|(row, token)| -row[*token as usize].log2()).sum();
    let (own, after) = (seen.floats("bits_before"), seen.floats("bits_after"));
    assert_eq!((own.len(), after.len()), (TEXT.len(), TEXT.len()));
    near(&[own.iter().sum()], &[bits], 1e-4);
    // The first token of the longer ones has no prediction, so none of its bytes is compared.
    let skipped = words.token_bytes(tokens[0]).len();
    let mean = |bits: &[f32]| bits[skipped..].iter().sum::<f32>() / (bits.len() - skipped) as f32;
    near(
        &[figure(&seen, "loss before")[0], figure(&seen, "loss after")[0]],
        &[mean(&own), mean(&after)],
        1e-4,
    );
    let change = seen.floats("change");
    assert!(change[..skipped].iter().all(|bits| *bits == 0.0));
    near(
        &change[skipped..],
        &own.iter().zip(&after).map(|(own, after)| own - after).collect::<Vec<_>>()[skipped..],
        1e-4,
    );

    let letters = tokenizer(TokenizerKind::Char, 0, TEXT);
    config.vocabulary = letters.vocabulary_size();
    let mut before = lens(&config, 0.6);
    assert!(bench.look_from(&mut before, &letters, TEXT, &settings()).is_ok());
    let reason = refusal(bench.look_from(&mut before, &letters, &format!("{TEXT} 東"), &settings()));
    assert!(reason.contains("before and after have different tokenizers"), "{reason}");
}

#[test]
fn other_shapes_are_compared_by_their_predictions_alone() {
    let mut bench = Bench::new(gpt());
    let mut config = bench.config.model.clone();
    small(&mut config);
    config.layers = 1;
    let (mut before, own) = (lens(&config, 0.6), bench.tokenizer.clone());
    let seen = bench.look_from(&mut before, &own, TEXT, &settings()).unwrap();
    assert!(figure(&seen, "KL(before ‖ after)")[0] > 0.0);
    assert!(["weights", "activations", "effect"].iter().all(|name| !seen.has(name)));
    assert!(seen.inspected.notices.iter().any(|notice| notice.contains("different shapes")));
    config.labels = vec!["good".to_owned(), "bad".to_owned()];
    let reason = refusal(bench.look_from(&mut lens(&config, 0.6), &own, TEXT, &settings()));
    assert!(reason.contains("before predicts no tokens"), "{reason}");
    let mut twin = twin(&bench.lens);
    let reason = refusal(bench.look_from(&mut twin, &own, "T", &settings()));
    assert!(reason.contains("at least two"), "{reason}");
}
