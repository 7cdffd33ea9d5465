//! Compressed runs: stored in fewer bits, loaded as what they store, exported like the original, and a base to adapt.

use crate::adapter::run_with;
use crate::export::small;
use crate::runs::project;
use glasshouse_engine::Yielder;
use glasshouse_engine::blocks;
use glasshouse_engine::formats::{Found, gguf, import};
use glasshouse_engine::graph::{Element, ParameterId};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Beginning, Project, Run, parameters_of};
use glasshouse_protocol::{
    Adapter, CheckpointChoice, Precision, RunConfig, RunState, Start, TrainConfig, WeightFormat,
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

fn exported(run: &Run, to: &Path, format: WeightFormat) -> Vec<u8> {
    let trained = blocking::load(run.clone(), &CheckpointChoice::Best).unwrap();
    block_on(gguf::export_trained(&trained, format, to, false, &Yielder::none())).unwrap();
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
                WeightFormat::Q4_0 if is_head => Element::Q8_0,
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
    assert_eq!(imported.config().unwrap().weights, WeightFormat::F32);
    assert!(
        blocking::load(imported, &CheckpointChoice::Best).unwrap().parameters == found.weights().unwrap()
    );
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
        assert!(
            error.contains("outside of what f16 can hold") && error.contains("embedding.tokens"),
            "{error}"
        );
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
