//! Tests of views with small byte-level models.

use super::*;
use glasshouse_platform::given_up_after;
use glasshouse_project::Project;
use glasshouse_protocol::inspect::Edit;
use glasshouse_protocol::{TokenizerConfig, TokenizerKind};

/// A model with a prompt.
struct Bench {
    lens: Lens,
    tokenizer: Tokenizer,
    run: Run,
    tokens: Vec<u32>,
    settings: InspectSettings,
    reference: Option<(Vec<f32>, usize)>,
    indices: Indices,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A byte-level model.
    fn new(config: ModelConfig, tokens: &[u32]) -> Self {
        let config = ModelConfig { vocabulary: 256, ..config };
        let kind = TokenizerKind::Byte;
        let tokenizer = TokenizerConfig::new(kind, 0);
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("project")).unwrap();
        let data = project.folder().join("data");
        Self {
            lens: lens(&config),
            tokenizer: block_on(Tokenizer::train(&tokenizer, ["bytes"], &Yielder::none())).unwrap(),
            run: project.create_run(&presets::preset("nanogpt-cpu").unwrap(), &data).unwrap(),
            tokens: tokens.to_vec(),
            settings: InspectSettings::default(),
            reference: None,
            indices: Indices::default(),
            _folder: folder,
        }
    }

    fn subject(&mut self) -> Subject<'_> {
        let last = self.tokens.len() - 1;
        Subject {
            lens: &mut self.lens,
            tokenizer: &self.tokenizer,
            tokens: &self.tokens,
            prompt: "",
            position: self.settings.position.unwrap_or(last),
            settings: &self.settings,
            run: &self.run,
            reference: self.reference.as_ref().map(|(table, width)| (&**table, *width)),
            base: None,
            indices: &mut self.indices,
        }
    }
}

#[test]
fn tokens_are_as_likely_as_the_sampler_has_them() {
    let mut bench = Bench::new(llama(), &TOKENS);
    let found = block_on(tokens::view(&mut bench.subject())).unwrap();
    let logits = block_on(bench.lens.probe(&TOKENS, &[HookPoint::Logits])).unwrap();
    let bits = found.get("surprise");
    assert_eq!((found.get("log_probabilities")[0], bits[0]), (0.0, 0.0));
    for (at, row) in logits[0].rows().enumerate() {
        let probabilities = glasshouse_compiler::sampler::probabilities(row);
        let entropy = glasshouse_compiler::sampler::entropy(&probabilities) / std::f64::consts::LN_2;
        assert!((f64::from(found.get("entropy")[at]) - entropy).abs() < 1e-4);
        if let Some(next) = TOKENS.get(at + 1) {
            let wanted = probabilities[*next as usize];
            assert!((f64::from(found.get("log_probabilities")[at + 1]).exp() / wanted - 1.0).abs() < 1e-4);
            assert!((f64::from(-bits[at + 1]).exp2() / wanted - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn a_head_that_reads_the_token_before_is_called_so() {
    let plain = presets::gpt(256, 16, 1, 1, 16);
    let mut bench = Bench::new(plain, &[5, 6, 7, 5, 6, 7, 8]);
    // Positions are one-hot, queries are those shifted by one, and keys equal positions.
    let fill = |lens: &mut Lens, name: &str, entry: &dyn Fn(usize, usize) -> f32| {
        for (at, weight) in lens.weights_mut(name).unwrap().iter_mut().enumerate() {
            *weight = entry(at / 16, at % 16);
        }
    };
    let is = |equal: bool| if equal { 1.0 } else { 0.0 };
    fill(&mut bench.lens, "embedding.tokens", &|_, _| 0.0);
    fill(&mut bench.lens, "embedding.positions", &|row, column| is(row == column));
    fill(&mut bench.lens, "blocks.0.attention.norm.weight", &|_, _| 1.0);
    fill(&mut bench.lens, "blocks.0.attention.qkv.weight", &|row, column| match row / 16 {
        0 => 10.0 * is(row + 1 == column),
        1 => is(row - 16 == column),
        _ => 0.0,
    });
    let found = block_on(attention::view(&mut bench.subject())).unwrap();
    let [previous, first, duplicate, induction] = found.get("scores") else { panic!("scores of one head") };
    assert!(*previous > 0.999, "{previous}");
    assert!((first - 1.0 / 6.0).abs() < 1e-3, "the second token's is the first: {first}");
    assert!(*duplicate < 1e-3 && *induction < 1e-3, "{duplicate} {induction}");
    assert!(found.get("entropy")[0] < 0.01);
    let grid = found.get("probabilities");
    assert_eq!(grid.len(), 49);
    assert!((1..7).all(|query| grid[query * 7 + query - 1] > 0.999));
}

#[test]
fn heads_together_are_what_attention_adds() {
    let mut bench = Bench::new(gpt(), &TOKENS);
    let wanted = block_on(bench.lens.probe(&TOKENS, &[HookPoint::AttentionOutput(1)])).unwrap();
    let bias = bench.lens.weight("blocks.1.attention.output.bias").unwrap().0.to_vec();
    let mut sum: Vec<f32> = TOKENS.iter().flat_map(|_| &bias).copied().collect();
    for head in 0..3 {
        bench.settings.head = Some(head);
        let found = block_on(head::view(&mut bench.subject())).unwrap();
        for (sum, own) in sum.iter_mut().zip(found.get("output")) {
            *sum += own;
        }
        // Softmax of the unmasked scores.
        let (scores, own) = (found.get("scores"), found.get("probabilities"));
        let mut row = scores[4 * 9..4 * 9 + 5].to_vec();
        linear::softmax(&mut row);
        compare(&own[4 * 9..4 * 9 + 5], &row, 1e-6, "probabilities");
    }
    compare(&sum, &wanted[0].data, 1e-5, "all heads");
}

#[test]
fn the_walk_ends_with_the_logits_of_its_position() {
    let parallel = ModelConfig { residual: Residual::ParallelOneNorm, ..llama() };
    for config in [gpt(), llama(), parallel] {
        let mut bench = Bench::new(config.clone(), &TOKENS);
        bench.settings.position = Some(6);
        bench.settings.layer = Some(0);
        let (inspected, bytes) = block_on(inspect(View::Walk, &mut bench.subject())).unwrap();
        let logits = block_on(bench.lens.probe(&TOKENS, &[HookPoint::Logits])).unwrap();
        for (tensor, bytes) in inspected.tensors.iter().zip(&bytes) {
            assert_eq!(4 * tensor.count(), bytes.len(), "{}", tensor.name);
        }
        let at = inspected.tensors.iter().position(|tensor| tensor.name == "logits").unwrap();
        let found: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes[at]);
        compare(&found, logits[0].row(6), 1e-5, "logits");
        let [Detail::Tokens { tokens }, Detail::Formulas { formulas }] = &inspected.details[..] else {
            panic!("{:?}", inspected.details)
        };
        let named: Vec<&String> = formulas.iter().map(|(name, _)| name).collect();
        let mut tensors: Vec<&String> = inspected.tensors.iter().map(|tensor| &tensor.name).collect();
        // Tensors are in order of creation, formulas in order of the walk.
        tensors.sort_by_key(|name| named.iter().position(|own| own == name));
        assert_eq!(named, tensors, "each tensor has its formula");
        let mut next: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        let mut wanted = outputs::largest(&found, 10);
        next.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(next, wanted, "texts of the most likely tokens");
        let keys = inspected.tensors.iter().find(|tensor| tensor.name == "keys").unwrap();
        assert_eq!(keys.shape(), [TOKENS.len(), config.kv_heads * config.head_size]);
    }
}

#[test]
fn positions_that_turn_alike_are_alike() {
    let mut bench = Bench::new(llama(), &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    // θ₀ = 1 and θ₁ = 100^(−1/2).
    compare(found.get("frequencies"), &[1.0, 0.1], 1e-6, "frequencies");
    let wanted = |distance: f32| (distance.cos() + (0.1 * distance).cos()) / 2.0;
    let similarity = found.get("similarity");
    for (query, key) in [(0, 0), (5, 2), (2, 5), (36, 0)] {
        compare(&similarity[query * 37 + key..][..1], &[wanted(query as f32 - key as f32)], 1e-5, "rotary");
    }
    compare(&found.get("rotations")[10..12], &[5.0, 0.5], 1e-6, "angles of position 5");

    let mut bench = Bench::new(gpt(), &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    let (table, _) = bench.lens.weight("embedding.positions").unwrap();
    let wanted = linear::cosine(&table[3 * 15..4 * 15], &table[8 * 15..9 * 15]);
    compare(&[found.get("similarity")[3 * 37 + 8]], &[wanted], 1e-5, "learned");

    let mut bench = Bench::new(ModelConfig { position: Position::None, ..llama() }, &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    assert!(found.tensors.is_empty() && found.notices.len() == 1);
}

#[test]
fn a_map_turns_to_where_it_was() {
    let mut bench = Bench::new(gpt(), &TOKENS);
    bench.settings.count = 4;
    let before = block_on(embeddings::view(&mut bench.subject())).unwrap();
    let (table, _) = bench.lens.weight("embedding.tokens").unwrap();
    let table = table.to_vec();
    let here = &table[5 * 15..6 * 15];
    let others = table.chunks_exact(15).enumerate().filter(|(id, _)| *id != 5);
    let mut cosines: Vec<f32> = others.map(|(_, row)| linear::cosine(here, row)).collect();
    cosines.sort_by(|a, b| b.total_cmp(a));
    compare(before.get("cosines"), &cosines[..4], 1e-6, "neighbours of the last token");
    let [first, second] = before.get("explained") else { panic!("two components") };
    assert!(first >= second && *second > 0.0 && first + second < 1.0);

    // The same points, mirrored and shifted in all dimensions: their map is aligned with the first one.
    let weights = bench.lens.weights_mut("embedding.tokens").unwrap();
    for row in weights.chunks_exact_mut(15) {
        row.reverse();
        row.iter_mut().for_each(|entry| *entry = 3.0 - *entry);
    }
    bench.reference = Some((table, 15));
    let after = block_on(embeddings::view(&mut bench.subject())).unwrap();
    compare(after.get("map"), before.get("map"), 1e-3, "the map");
}

/// If cancelled during an edit, the original weights are restored.
#[test]
fn weights_are_as_they_were_wherever_an_edit_is_given_up() {
    let mut bench = Bench::new(gpt(), &TOKENS);
    bench.settings.edits = vec![Edit::Layer { layer: 0, factor: 0.5 }];
    bench.settings.every_part = true;
    let bits = |lens: &Lens| lens.arena().iter().map(|weight| weight.to_bits()).collect::<Vec<u32>>();
    let before = bits(&bench.lens);
    let mut turns = 0;
    while !given_up_after(turns, what_if::view(&mut bench.subject())) {
        assert!(bits(&bench.lens) == before, "given up at turn {turns}");
        turns += 1;
    }
    assert!(turns > 10 && bits(&bench.lens) == before, "{turns} turns");
}
