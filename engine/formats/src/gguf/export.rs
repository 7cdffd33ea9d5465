//! Export to a GGUF file for llama.cpp.

use super::architectures::{ARCHITECTURE_KEY, Architecture, Divisors};
use super::modelfile::{ENDING, modelfile};
use super::{GgmlType, Metadata, TensorInfo, Value, Writer, size, vocabulary};
use crate::huggingface::with_whole_context;
use crate::tensors::{Parameters, Tensor, check_finite};
use glasshouse_compiler::blocks::gguf as blocks;
use glasshouse_compiler::graph::ParameterId;
use glasshouse_compiler::plan::arena::StoredWeights;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::{Trained, packed_format};
use glasshouse_protocol::{ModelConfig, WeightFormat, order};
use glasshouse_text::tokenizer::TokenizerFiles;
use std::path::{Path, PathBuf};

/// Name of the file while it is written.
const PARTIAL: &str = "model.gguf";
/// Name of the `Modelfile` while it is written.
const MODELFILE: &str = "Modelfile";
/// Version of the block layouts (`GGML_QNT_VERSION`).
const QUANTIZATION_VERSION: u32 = 2;
/// End of the name of a router's matrix, which is small and decides which experts are computed.
const ROUTER: &str = "ffn_gate_inp.weight";
const HEAD: &str = "output.weight";
/// Entries quantised between two yields.
const PIECE: usize = 1 << 19;

pub struct Export<'run> {
    /// Settings with a resolved vocabulary.
    pub model: &'run ModelConfig,
    pub tokenizer: &'run TokenizerFiles,
    /// Name of the architecture it was imported as; preferred if that architecture still computes the model.
    pub family: Option<&'run str>,
    /// Weights in the arena layout of the model's parameters ([`glasshouse_compiler::plan::arena::ArenaLayout`]).
    pub parameters: &'run [f32],
    pub name: &'run str,
    pub quantization: WeightFormat,
    /// Whether the weights were rounded to this format before, with the head as [`WeightFormat::for_head`]; it is not rounded again.
    pub is_rounded: bool,
    /// The weights with blocks of another file, which are written unchanged.
    pub kept: Option<&'run StoredWeights>,
}

#[derive(Debug)]
pub struct Exported {
    pub bytes: u64,
    /// Ollama's description of the file, with the same name and the ending `.Modelfile`.
    pub modelfile: PathBuf,
    pub quantization: WeightFormat,
    /// Notices for the user, one line each.
    pub notices: Vec<String>,
}

/// Writes the file and its `Modelfile`, each atomically; existing ones are replaced only if `replace` is set. Fails if the model or its
/// tokenizer has no equivalent in llama.cpp (the error gives details); the path is taken; or writing fails, and then nothing remains.
pub async fn export(export: &Export<'_>, path: &Path, replace: bool, yielder: &Yielder) -> Result<Exported> {
    let name = path.file_name().unwrap_or_default();
    let mut described = name.to_owned();
    described.push(ENDING);
    let described = path.with_file_name(described);
    storage::check_file(path, replace)?;
    storage::check_file(&described, replace)?;
    let fits = |model: &ModelConfig| Architecture::for_model(model, export.family).is_ok();
    let (model, divisor) = crate::without_divisor(export.model, fits);
    let export = &Export { model: &model, ..*export };
    let (architecture, becomes) = Architecture::for_model(export.model, export.family)?;
    let mut metadata = Metadata::new();
    let head: [(&str, Value<'_>); 3] = [
        (ARCHITECTURE_KEY, architecture.name.into()),
        ("general.type", "model".into()),
        ("general.quantization_version", QUANTIZATION_VERSION.into()),
    ];
    let ty = export.quantization.file_type().map(|ty| ("general.file_type", ty.into()));
    head.into_iter()
        .chain(ty)
        .try_for_each(|(key, value)| metadata.push(key, value))
        .map_err(Error::Internal)?;
    architecture.write(export.model, &mut metadata)?;
    let mut notices: Vec<String> = becomes.into_iter().collect();
    let pushed = vocabulary::push_tokenizer(export.tokenizer, export.model.vocabulary, &mut metadata)?;
    notices.extend(pushed.notices);
    let named = name_for(export.name, pushed.strips_like_phi3);
    metadata.push("general.name", named).map_err(Error::Internal)?;
    let parameters = Parameters::new(export.model)?.with_norm_divided_by(divisor);
    let tensors = architecture.tensors(export.model, &parameters);
    let divisors = architecture.divisors(export.model);
    let blocks: Vec<_> = tensors.iter().map(|tensor| blocks_of(tensor, &parameters, export.kept)).collect();
    let mut infos = infos(export, &tensors, &divisors);
    for (info, blocks) in infos.iter_mut().skip(divisors.len()).zip(&blocks) {
        info.ty = blocks.as_ref().map_or(info.ty, |(ty, _)| *ty);
    }
    let wide = GgmlType::from(export.quantization);
    let narrow = |info: &&TensorInfo<'_>| {
        info.shape.len() > 1 && info.ty != GgmlType::F32 && !info.columns().is_multiple_of(wide.block())
    };
    let narrow: Vec<&str> = infos.iter().filter(narrow).map(|info| info.ty.name()).collect();
    if !narrow.is_empty() {
        notices.push(format!(
            "{} tensors have rows that blocks of {wide} do not divide and are stored as {}",
            narrow.len(),
            order::distinct(narrow).join(" and ")
        ));
    }
    let staging = Staging::beside(path)?;
    let partial = staging.path().join(PARTIAL);
    let file = files::File::create(&partial).map_err(Error::io(path))?;
    glasshouse_platform::reserve(&file, size(&metadata, &infos)?).map_err(Error::io(path))?;
    let mut writer = Writer::begin(path, file, &metadata, &infos)?;
    for (_, factors) in &divisors {
        writer.write(factors)?;
    }
    for (tensor, blocks) in tensors.iter().zip(blocks) {
        if let Some((_, rows)) = blocks {
            rows.into_iter().try_for_each(|row| writer.write_blocks(row))?;
            yielder.maybe_yield().await;
            continue;
        }
        let entries = tensor.gather(&parameters, export.parameters)?;
        for piece in entries.chunks(PIECE.next_multiple_of(tensor.shape.last().copied().unwrap_or(1))) {
            glasshouse_platform::pulse();
            check_finite(&tensor.name, piece)?;
            writer.write(piece)?;
            yielder.maybe_yield().await;
        }
    }
    writer.finish()?.sync_all().map_err(Error::io(path))?;
    let bytes = files::metadata(&partial).map_err(Error::io(path))?.len();
    let (text, more) = modelfile(&name.to_string_lossy(), export.tokenizer, export.model.context_length);
    notices.extend(more);
    storage::write_atomically(&staging.path().join(MODELFILE), text.as_bytes())?;
    // They may have been created meanwhile.
    storage::check_file(path, replace)?;
    storage::check_file(&described, replace)?;
    staging.put_file(PARTIAL, path)?;
    staging.put_file(MODELFILE, &described)?;
    Ok(Exported { bytes, modelfile: described, quantization: export.quantization, notices })
}

/// `general.name`. llama.cpp recognises Phi-3, whose special tokens drop the white space after them, and ModernBERT only by their names
/// (`llama_vocab::impl::load`), and does not load other vocabularies under these.
fn name_for(name: &str, is_phi3: bool) -> String {
    let mut named = name.to_owned();
    let find = |named: &str, word: &str| named.to_ascii_lowercase().find(word);
    // With the bytes that a space replaces.
    for (word, place, is_kept) in
        [("phi-3", 3..4, is_phi3), ("phi3", 3..3, is_phi3), ("modern-bert", 6..7, false)]
    {
        while let Some(at) = find(&named, word).filter(|_| !is_kept) {
            named.replace_range(at + place.start..at + place.end, " ");
        }
    }
    match is_phi3 && find(&named, "phi-3").or_else(|| find(&named, "phi3")).is_none() {
        true => format!("{named} (Phi-3)"),
        false => named,
    }
}

/// The tensors with the types that llama.cpp's quantiser chooses for an F32 file (`llama_model_quantize`, without an importance
/// matrix); the divisors of rotary angles come first.
fn infos(export: &Export<'_>, tensors: &[Tensor], divisors: &Divisors) -> Vec<TensorInfo<'static>> {
    let first = divisors.iter().map(|(name, factors)| (*name, vec![factors.len()]));
    let all = first.chain(tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.clone())));
    let has_head = tensors.iter().any(|tensor| tensor.name == HEAD);
    let info = |(name, shape): (&str, Vec<usize>)| {
        let is_float = shape.len() < 2 || name == "position_embd.weight" || name.ends_with(ROUTER);
        let columns = shape.last().copied().unwrap_or(1);
        let ty = if is_float { GgmlType::F32 } else { type_of(export, (name, has_head), columns) };
        TensorInfo { name: name.to_owned().into(), shape, ty }
    };
    all.map(info).collect()
}

/// The type of a matrix (`llama_tensor_get_type`).
fn type_of(export: &Export<'_>, (name, has_head): (&str, bool), columns: usize) -> GgmlType {
    let Export { model, quantization, is_rounded, .. } = *export;
    let (base, head_format) = (GgmlType::from(quantization), quantization.for_head());
    // A run stores an embedding that is also the head as that.
    let is_embedding = model.tied_head && (is_rounded || !has_head);
    let is_head = name == HEAD || name == "token_embd.weight" && is_embedding;
    let (mixes, layers) = (quantization == WeightFormat::Q4K, model.layers);
    let place = name.strip_prefix("blk.").and_then(|name| name.split_once('.'));
    let (block, part) = place.unwrap_or(("0", name));
    let more_bits =
        |block: usize| block < layers / 8 || block >= 7 * layers / 8 || (block - layers / 8) % 3 == 2;
    let ty = match part {
        _ if is_head && is_rounded => head_format.into(),
        // The head matters most.
        _ if is_head && head_format != quantization => match columns.is_multiple_of(base.block()) {
            true => GgmlType::Q6_K,
            false => GgmlType::Q8_0,
        },
        // All experts use them.
        "attn_k.weight" | "attn_v.weight" if model.experts.count == 8 && base.block() > 1 => GgmlType::Q8_0,
        "attn_output.weight" if model.experts.count == 8 && mixes => GgmlType::Q5_K,
        "attn_v.weight" | "attn_qkv.weight" | "ffn_down.weight" | "ffn_down_exps.weight"
            if mixes && block.parse().is_ok_and(more_bits) =>
        {
            GgmlType::Q6_K
        }
        _ => base,
    };
    ty.for_columns(columns)
}

/// The type and the rows of a tensor, if its matrix has the blocks of a file and the tensor's rows are of one type.
fn blocks_of<'kept>(
    tensor: &Tensor,
    parameters: &Parameters,
    kept: Option<&'kept StoredWeights>,
) -> Option<(GgmlType, Vec<&'kept [u8]>)> {
    let number = parameters.holding(tensor).ok()?;
    let own: Vec<_> = kept?.rows_of_blocks(ParameterId(number as u32))?.collect();
    let [_, columns] = parameters.list()[number].ty.shape[..] else { return None };
    let of = |at| blocks::row(own.get(tensor.rows.at(at)).copied()?, columns);
    let rows: Vec<_> = (0..tensor.rows.len()).map(of).collect::<Option<_>>()?;
    let (ty, _) = *rows.first()?;
    let is_whole =
        tensor.columns() == columns && tensor.parts == 1 && !tensor.transposed && tensor.offset == 0;
    let is_one = is_whole && rows.iter().all(|(own, _)| *own == ty);
    is_one.then(|| (ty, rows.into_iter().map(|(_, blocks)| blocks).collect()))
}

/// Exports a project's model. Without a quantization, its matrices are stored as in the run: in the blocks of the file that it was imported
/// from, or in the format that it was compressed to; those in 32 bits become [`WeightFormat::PRESELECTED`]. If the future is dropped, an
/// existing file is unchanged.
pub async fn export_trained(
    model: &Trained,
    quantization: Option<WeightFormat>,
    path: &Path,
    replace: bool,
    yielder: &Yielder,
) -> Result<Exported> {
    let record = model.run.record()?;
    let tokenizer = TokenizerFiles::with(model.tokenizer.clone(), &model.run.data_folder()?)?;
    let kept = model.kept.as_deref().filter(|_| quantization.is_none());
    let own = || match kept {
        Some(_) => WeightFormat::Gguf,
        None => packed_format(&model.config, WeightFormat::PRESELECTED),
    };
    let quantization = quantization.unwrap_or_else(own);
    let parts = Export {
        model: &with_whole_context(&model.config.model, &record),
        tokenizer: &tokenizer,
        family: record.family.as_deref(),
        parameters: &model.parameters,
        name: &model.run.name(),
        quantization,
        is_rounded: quantization == model.config.weights,
        kept,
    };
    let mut exported = export(&parts, path, replace, yielder).await?;
    if kept.is_some() {
        let text =
            "the matrices are those of the imported file, byte for byte; other quantizations convert them";
        exported.notices.push(text.to_owned());
    }
    Ok(exported)
}
