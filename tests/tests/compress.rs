//! Compressed runs: stored in fewer bits, loaded as what they store, exported like the original, and a base to adapt.

use crate::adapter::run_with;
use crate::export::small;
use crate::runs::project;
use glasshouse_engine::Yielder;
use glasshouse_engine::blocks;
use glasshouse_engine::cpu::CpuDecoder;
use glasshouse_engine::formats::gguf::GgmlType;
use glasshouse_engine::formats::{Found, gguf, import};
use glasshouse_engine::graph::{Element, ParameterId};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Beginning, Project, Run, StoredModel, parameters_of};
use glasshouse_protocol::{
    Adapter, CheckpointChoice, GenerateConfig, Precision, RunConfig, RunState, Start, TrainConfig,
    WeightFormat,
};
use glasshouse_tests::blocking;
use pollster::block_on;
use std::path::Path;

/// A project with a run whose rows are whole blocks, and its weights.
fn with_run(width: usize) -> (tempfile::TempDir, Project, Run, RunConfig, Vec<f32>) {
    let (folder, project) = project();
    let (config, tokenizer, arena) = small("llama-tiny", |config| {
        let model = &mut config.model;
        (model.width, model.head_size, model.mlp.hidden) = (width, width / 4, 2 * width);
    });
    let data = project.folder().join("data");
    std::fs::create_dir_all(&data).unwrap();
    tokenizer.save(&data.join("tokenizer.json")).unwrap();
    let run = run_with(&project, &config, arena.clone());
    (folder, project, run, config, arena)
}

fn compress(project: &Project, run: &Run, format: WeightFormat) -> Result<Run, String> {
    let compressed = async {
        let mut trained = blocking::load(run.clone(), &CheckpointChoice::Best)?;
        trained.store_in(format, &Yielder::none()).await?;
        let staged =
            project.keep_weights(trained, CheckpointChoice::Best, format.name(), &Yielder::none()).await?;
        staged.put()
    };
    block_on(compressed).map_err(|error| error.to_string())
}

/// The bytes of a run's GGUF file, in its own format unless another is chosen.
fn exported(run: &Run, to: &Path, format: impl Into<Option<WeightFormat>>) -> Vec<u8> {
    let trained = blocking::load(run.clone(), &CheckpointChoice::Best).unwrap();
    block_on(gguf::export_trained(&trained, format.into(), to, false, &Yielder::none())).unwrap();
    std::fs::read(to).unwrap()
}

#[test]
fn a_compressed_run_is_a_run_of_the_rounded_weights_in_a_smaller_file() {
    let (folder, project, run, config, arena) = with_run(32);
    for (format, share) in [(WeightFormat::F16, 0.6), (WeightFormat::Q8_0, 0.35), (WeightFormat::Q4_0, 0.25)]
    {
        let new = compress(&project, &run, format).unwrap();
        let now = new.config().unwrap();
        assert_eq!((now.weights, &now.model), (format, &config.model));
        assert_eq!(now.start.as_ref().unwrap().run, run.name());
        assert_eq!(new.record().unwrap().state, RunState::Imported);
        assert_eq!(RunConfig::from_toml(&now.to_toml().unwrap()).unwrap(), now);

        let list = parameters_of(&now).unwrap();
        let layout = ArenaLayout::from_parameters(&list);
        let mut rounded = arena.clone();
        for (at, own) in list.iter().enumerate() {
            let matrix = own.ty.shape.len() == 2;
            let is_head = own.name == if config.model.tied_head { "embedding.tokens" } else { "head.weight" };
            let expected = match format {
                _ if !matrix => Element::F32,
                WeightFormat::Q4_0 if is_head => WeightFormat::Q8_0.into(),
                format => format.into(),
            };
            assert_eq!(own.ty.element, expected, "{}", own.name);
            if matrix {
                let weights = &mut rounded[layout.range(ParameterId(at as u32))];
                blocks::round(own.ty.element, own.ty.columns(), weights);
            }
        }
        assert_ne!(rounded, arena);
        let loaded = blocking::load(new.clone(), &CheckpointChoice::Best).unwrap();
        assert!(loaded.parameters == rounded, "{format:?}");

        let [whole, small] = [&run, &new].map(|run| run.summary().unwrap().checkpoints[0].bytes as f64);
        assert!(small <= share * whole, "{format:?}: {small} of {whole} bytes");
        // The file for llama.cpp has the same tensors, whether it is made of the original or of the compressed run.
        let [from, to] =
            ["whole", "small"].map(|name| folder.path().join(format!("{name}-{}.gguf", format.name())));
        let (one, other) = (exported(&run, &from, format), exported(&new, &to, format));
        let tensors = one.len() / 2;
        assert!(one[one.len() - tensors..] == other[other.len() - tensors..], "{format:?}");

        let error = compress(&project, &new, WeightFormat::Q4_0).unwrap_err();
        assert!(error.contains("already") && error.contains(&run.name()), "{error}");
    }
}

#[test]
fn a_compressed_run_goes_out_in_its_own_format_without_rounding() {
    // In llama.cpp's files of 4 bits, a head with rows of 256 has 6.
    let (folder, project, run, ..) = with_run(256);
    let weights = |run: &Run, path: &Path, format: Option<WeightFormat>| {
        exported(run, path, format);
        Found::look(path, None).unwrap().weights().unwrap()
    };
    for (number, format) in [WeightFormat::Q8_0, WeightFormat::Q4_0].into_iter().enumerate() {
        let path = |name: &str| folder.path().join(format!("{number}-{name}.gguf"));
        let small = compress(&project, &run, format).unwrap();
        let own = blocking::load(small.clone(), &CheckpointChoice::Best).unwrap().parameters;
        assert!(weights(&small, &path("own"), None) == own, "{format}");
        assert!(weights(&small, &path("chosen"), Some(format)) == own, "{format}");
        assert!(weights(&small, &path("other"), Some(WeightFormat::Q4K)) != own, "{format}");
        let bytes = exported(&run, &path("whole"), Some(format));
        let file = gguf::Gguf::read(&path("whole"), &bytes).unwrap();
        let has_six = file.tensors().iter().any(|tensor| tensor.info.ty == GgmlType::Q6_K);
        assert_eq!(has_six, format == WeightFormat::Q4_0);
    }
}

#[test]
fn an_imported_file_of_8_or_4_bits_stays_as_it_is() {
    let (folder, project, run, ..) = with_run(32);
    for (format, kept) in [
        (WeightFormat::Q8_0, WeightFormat::Q8_0),
        (WeightFormat::Q4_0, WeightFormat::Q4_0),
        (WeightFormat::F16, WeightFormat::F32),
    ] {
        let path = folder.path().join(format!("model-{}.gguf", format.name()));
        exported(&run, &path, format);
        let found = Found::look(&path, None).unwrap();
        let (yielder, mut progress) = (Yielder::none(), |_| ());
        let imported = import(&project, &found, "model", None, false, &yielder, &mut progress);
        let imported = block_on(imported).unwrap();
        assert_eq!(imported.config().unwrap().weights, kept);
        let loaded = blocking::load(imported, &CheckpointChoice::Best).unwrap();
        assert!(loaded.parameters == found.weights().unwrap(), "{format:?}");
    }
    // A scale that is not the one of the nearest rounding, as other quantisers choose it.
    let path = folder.path().join("model-q4_0.gguf");
    let mut bytes = std::fs::read(&path).unwrap();
    let gguf = gguf::Gguf::read(&path, &bytes).unwrap();
    let tensor = gguf.tensors().iter().find(|tensor| tensor.info.name.ends_with("ffn_up.weight")).unwrap();
    let at = tensor.bytes().as_ptr() as usize - bytes.as_ptr() as usize;
    // Of one and minus one scale, the nearest rounding with the extreme weight as −8 keeps one only.
    bytes[at + 2..at + 18].fill(0x79);
    std::fs::write(&path, &bytes).unwrap();
    let found = Found::look(&path, None).unwrap();
    let (yielder, mut progress) = (Yielder::none(), |_| ());
    let imported = import(&project, &found, "other", None, false, &yielder, &mut progress);
    let imported = block_on(imported).unwrap();
    assert_eq!(imported.config().unwrap().weights, WeightFormat::Gguf);
    assert!(
        blocking::load(imported, &CheckpointChoice::Best).unwrap().parameters == found.weights().unwrap()
    );
}

/// Writes the tensors of a file of floats again: matrices as pseudorandom blocks of all types in turn, with `scale` for the scales.
fn in_blocks(from: &Path, to: &Path, scale: f32) {
    // Scales of a block: numbers of the bytes that they begin at.
    let types: [(GgmlType, &[usize]); 12] = [
        (GgmlType::Q4_K, &[0, 2]),
        (GgmlType::Q6_K, &[208]),
        (GgmlType::Q5_K, &[0, 2]),
        (GgmlType::Q5_0, &[0]),
        (GgmlType::Q2_K, &[80, 82]),
        (GgmlType::Q3_K, &[108]),
        (GgmlType::Q4_0, &[0]),
        (GgmlType::Q5_1, &[0, 2]),
        (GgmlType::Q8_0, &[0]),
        (GgmlType::Q4_1, &[0, 2]),
        (GgmlType::IQ4_NL, &[0]),
        (GgmlType::IQ4_XS, &[0]),
    ];
    let bytes = std::fs::read(from).unwrap();
    let file = gguf::Gguf::read(from, &bytes).unwrap();
    let mut matrices = 0;
    let place = |info: &gguf::TensorInfo<'static>, at: &mut usize| {
        let is_matrix = info.shape.len() == 2;
        *at += usize::from(is_matrix);
        is_matrix.then(|| types[(*at - 1) % types.len()])
    };
    let plain = |tensor: &gguf::StoredTensor<'_>| gguf::TensorInfo {
        name: tensor.info.name.to_string().into(),
        shape: tensor.info.shape.clone(),
        ty: tensor.info.ty,
    };
    let mut infos: Vec<_> = file.tensors().iter().map(plain).collect();
    let chosen: Vec<_> = infos.iter().map(|info| place(info, &mut matrices)).collect();
    for (info, chosen) in infos.iter_mut().zip(&chosen) {
        info.ty = chosen.map_or(GgmlType::F32, |(ty, _)| ty);
    }
    assert!(matrices > types.len());
    let output = std::fs::File::create(to).unwrap();
    let mut writer = gguf::Writer::begin(to, output, file.metadata(), &infos).unwrap();
    let mut random = 7_u32;
    for ((tensor, info), chosen) in file.tensors().iter().zip(&infos).zip(chosen) {
        let rows = info.rows();
        let Some((ty, scales)) = chosen else {
            writer.write(&tensor.floats()).unwrap();
            continue;
        };
        let mut blocks = vec![0_u8; rows * info.row_bytes()];
        for block in blocks.chunks_exact_mut(ty.block_bytes()) {
            for byte in &mut *block {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (random >> 24) as u8;
            }
            for at in scales {
                block[*at..at + 2].copy_from_slice(&half::f16::from_f32(scale).to_le_bytes());
            }
        }
        writer.write_blocks(&blocks).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn an_imported_file_of_any_blocks_keeps_them_decodes_from_them_and_is_exported_with_them() {
    let (folder, project, run, ..) = with_run(256);
    let [floats, path, back, again] =
        ["f32.gguf", "blocks.gguf", "back.gguf", "again.gguf"].map(|name| folder.path().join(name));
    exported(&run, &floats, WeightFormat::F32);
    in_blocks(&floats, &path, 1e-4);
    let found = Found::look(&path, None).unwrap();
    let (yielder, mut progress) = (Yielder::none(), |_| ());
    let imported =
        block_on(import(&project, &found, "blocks", None, false, &yielder, &mut progress)).unwrap();
    assert_eq!(imported.config().unwrap().weights, WeightFormat::Gguf);
    let loaded = blocking::load(imported.clone(), &CheckpointChoice::Best).unwrap();
    assert!(loaded.parameters == found.weights().unwrap());
    let parameters = parameters_of(&loaded.config).unwrap();
    let matrices = parameters.iter().filter(|own| own.ty.shape.len() == 2);
    let own = loaded.kept.as_deref().unwrap();
    assert_eq!(own.blocks.len(), matrices.count());
    let kept = own.words.len() * 4;
    assert!(4 * kept < 5 * loaded.parameters.len(), "{kept} bytes for {} weights", loaded.parameters.len());

    // A CPU computes nearly the same from the blocks as from floats, for prompts and for single tokens: products with blocks round their
    // inputs to 8 bits.
    let stored = block_on(StoredModel::load(&imported, &CheckpointChoice::Best, &yielder)).unwrap().unwrap();
    assert!(stored.weights.words == own.words && stored.weights.blocks == own.blocks);
    let (model, tokens) = (&loaded.config.model, [3, 1, 4, 1, 5]);
    let decoder = |texts| {
        CpuDecoder::from_stored(model, stored.weights.clone(), WeightFormat::Gguf, Some(2), texts).unwrap()
    };
    let (mut small, mut alone) = (decoder(3), decoder(1));
    let whole = CpuDecoder::with_texts(model, &loaded.parameters, WeightFormat::F32, Some(2), 3);
    let mut whole = whole.unwrap();
    assert_eq!([small.weights(), whole.weights()], [WeightFormat::Gguf, WeightFormat::F32]);
    assert!(small.bytes() < whole.bytes());
    for count in [1, 5] {
        let [small, whole] = [&mut small, &mut whole].map(|own| own.logits(&tokens[..count]).unwrap());
        let size =
            |logits: &mut dyn Iterator<Item = f32>| logits.map(|logit| logit * logit).sum::<f32>().sqrt();
        let error = size(&mut small.iter().zip(&whole).map(|(one, other)| one - other));
        let of = size(&mut whole.iter().copied());
        assert!(of > 0.0 && error < 0.2 * of, "{error} of {of}");
    }
    // A text among others is the text alone.
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    for count in [2, 3, 5] {
        small.admit(&tokens[..count], &greedy).unwrap();
    }
    for ((_, together), count) in small.advance_all(6).unwrap().into_iter().zip([2, 3, 5]) {
        alone.start(&tokens[..count], &greedy).unwrap();
        assert_eq!(together, alone.advance(6).unwrap());
    }
    // Other weights have no blocks.
    assert!(small.set_weights(&loaded.parameters).is_err());

    // The exported file has the same tensors, byte for byte; another format converts them.
    let given = std::fs::read(&path).unwrap();
    let written = exported(&imported, &back, None);
    let [given, written] =
        [(&path, &given), (&back, &written)].map(|(path, bytes)| gguf::Gguf::read(path, bytes).unwrap());
    assert_eq!(given.tensors().len(), written.tensors().len());
    for own in given.tensors() {
        let other = written.tensor(&own.info.name).unwrap();
        assert!(own.info == other.info && own.bytes() == other.bytes(), "{}", own.info.name);
    }
    for (format, ty) in [(WeightFormat::F16, GgmlType::F16), (WeightFormat::Q8_0, GgmlType::Q8_0)] {
        let other = exported(&imported, &again, format);
        let other = gguf::Gguf::read(&again, &other).unwrap();
        assert!(other.tensors().iter().all(|own| [GgmlType::F32, ty].contains(&own.info.ty)), "{ty}");
        std::fs::remove_file(&again).unwrap();
        std::fs::remove_file(again.with_extension("gguf.Modelfile")).unwrap();
    }

    // Training begins from floats, also that of an adapter, and says so.
    let start = Some(Start { run: imported.name(), checkpoint: CheckpointChoice::Latest, project: None });
    let mut config = RunConfig { start, ..loaded.config.clone() };
    config.train.adapter = Some(Adapter::default());
    let notices = Beginning::find(&project, &config).unwrap().unwrap().settle(&mut config).unwrap();
    assert_eq!((config.weights, config.train.adapter.unwrap().base), (WeightFormat::F32, WeightFormat::F32));
    assert!(notices.iter().any(|notice| notice.contains("blocks of a GGUF file")), "{notices:?}");
    // There is no original to compress in its place.
    let compressed = compress(&project, &imported, WeightFormat::Q4_0).unwrap();
    assert_eq!(compressed.config().unwrap().weights, WeightFormat::Q4_0);
}

#[test]
fn blocks_that_are_no_numbers_or_cut_leave_no_run() {
    let (folder, project, run, ..) = with_run(256);
    let [floats, path] = ["f32.gguf", "blocks.gguf"].map(|name| folder.path().join(name));
    exported(&run, &floats, WeightFormat::F32);
    in_blocks(&floats, &path, f32::NAN);
    let found = Found::look(&path, None).unwrap();
    let runs = project.runs().unwrap().len();
    let (yielder, mut progress) = (Yielder::none(), |_| ());
    let error = block_on(import(&project, &found, "blocks", None, false, &yielder, &mut progress));
    assert!(error.unwrap_err().to_string().contains("NaN or infinite"));
    in_blocks(&floats, &path, 1e-4);
    let found = Found::look(&path, None).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(std::fs::metadata(&path).unwrap().len() - 1000).unwrap();
    let error = block_on(import(&project, &found, "blocks", None, false, &yielder, &mut progress));
    assert!(error.unwrap_err().to_string().contains("became shorter"));
    assert!(Found::look(&path, None).is_err());
    assert_eq!(project.runs().unwrap().len(), runs);
}

#[test]
fn weights_that_a_format_cannot_hold_are_refused_and_leave_no_run() {
    let (_folder, project, run, config, mut arena) = with_run(24);
    let error = compress(&project, &run, WeightFormat::Q8_0).unwrap_err();
    assert!(error.contains("model.width = 24") && error.contains("f16"), "{error}");
    compress(&project, &run, WeightFormat::F16).unwrap();
    for weight in [f32::NAN, f32::INFINITY, 1e5] {
        arena[3] = weight;
        let run = run_with(&project, &config, arena.clone());
        let before = project.runs().unwrap().len();
        let error = compress(&project, &run, WeightFormat::F16).unwrap_err();
        assert!(error.contains("outside the range of f16") && error.contains("embedding.tokens"), "{error}");
        assert_eq!(project.runs().unwrap().len(), before);
    }
}

#[test]
fn an_adapter_keeps_the_format_of_a_compressed_base() {
    let (_folder, project, run, config, _) = with_run(32);
    let small = compress(&project, &run, WeightFormat::Q4_0).unwrap();
    let start = |precision| {
        let train = TrainConfig { adapter: Some(Adapter::default()), precision, ..TrainConfig::default() };
        let start = Start { run: small.name(), checkpoint: CheckpointChoice::Best, project: None };
        let mut config = RunConfig { start: Some(start), train, ..config.clone() };
        config.weights = WeightFormat::Q8_0;
        let beginning = Beginning::find(&project, &config).unwrap().unwrap();
        let notices = beginning.settle(&mut config).unwrap();
        (config, notices)
    };
    let (config, notices) = start(Precision::F32);
    assert_eq!((config.weights, config.train.adapter.unwrap().base), (WeightFormat::F32, WeightFormat::Q4_0));
    assert!(notices.iter().any(|notice| notice.contains("q4_0")), "{notices:?}");
    // Mixed precision keeps the base in 32 bits.
    assert_eq!(start(Precision::Mixed).0.train.adapter.unwrap().base, WeightFormat::F32);
}
