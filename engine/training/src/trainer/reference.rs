//! Data stored with a run for later comparison: a reference computed from its initial weights, and other runs' weights that it
//! needs. Each file has a checksum and a description of what it belongs to.

use glasshouse_platform::{Error, Result, files, storage};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// File name in the run's folder.
pub(crate) const REFERENCE_FILE: &str = "reference.safetensors";

/// Files with other runs' weights in a run's folder: its teacher's and its reward model's.
pub(crate) const TEACHER_FILE: &str = "teacher.safetensors";
pub(crate) const REWARD_MODEL_FILE: &str = "reward-model.safetensors";

/// Header field with the checksum and the description. A single field, because several would be written in no fixed order.
const ABOUT: &str = "about";

fn about(checksum: u32, belongs_to: &str) -> String {
    format!("{checksum:08x} {belongs_to}")
}

/// A tensor's name and shape.
pub(super) type Kind = (&'static str, Vec<usize>);

/// Writes tensors, sorted by name, with the crc32c of all their bytes and a description of what they belong to.
pub(super) fn write(path: &Path, belongs_to: &str, tensors: &[(Kind, &[f32])]) -> Result<()> {
    let internal = |error: safetensors::SafeTensorError| Error::Internal(error.to_string());
    let (mut views, mut checksum) = (Vec::with_capacity(tensors.len()), 0);
    for ((name, shape), values) in tensors {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        checksum = crc32c::crc32c_append(checksum, bytes);
        views.push((*name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(internal)?));
    }
    let about = HashMap::from([(ABOUT.to_owned(), about(checksum, belongs_to))]);
    storage::write_atomically(path, &safetensors::serialize(views, Some(about)).map_err(internal)?)
}

/// Reads what [`write`] wrote: tensors with these names and shapes, sorted by name. Fails if the file is missing or damaged, has other
/// tensors, belongs to something else, or has a non-finite number.
pub(super) fn read(path: &Path, belongs_to: &str, wanted: &[Kind]) -> Result<Vec<Vec<f32>>> {
    let bytes = storage::read_within(path, u64::MAX)?;
    let damaged = |error: safetensors::SafeTensorError| Error::bad_file(path, error.to_string());
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let said = header.metadata().as_ref().and_then(|fields| fields.get(ABOUT).cloned()).unwrap_or_default();
    let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    if said.split_once(' ').map(|(_, to)| to) != Some(belongs_to) {
        return Err(Error::bad_file(path, "it belongs to another text, run or version"));
    }
    let (mut all, mut checksum) = (Vec::with_capacity(wanted.len()), 0);
    for (name, shape) in wanted {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape.as_slice() {
            let reason = format!("{name} has the shape {:?}, but the run has {shape:?}", tensor.shape());
            return Err(Error::bad_file(path, reason));
        }
        checksum = crc32c::crc32c_append(checksum, tensor.data());
        let entries = tensor.data().as_chunks().0.iter();
        all.push(entries.map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<f32>>());
    }
    if said != about(checksum, belongs_to) {
        return Err(Error::bad_file(path, "it is damaged (checksum)"));
    }
    if all.iter().flatten().any(|entry| !entry.is_finite()) {
        return Err(Error::bad_file(path, "it has numbers that are not finite"));
    }
    Ok(all)
}

/// The `count` weights of another run's checkpoint `named`, from the file, or else loaded and stored in the file: the other run may train
/// on meanwhile and delete the checkpoint. Fails if neither can be read, or the file cannot be written.
pub(super) fn kept(
    path: &Path,
    named: &str,
    count: usize,
    load: impl FnOnce() -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let kind = || ("weights", vec![count]);
    let damaged = match files::is_file(path).then(|| read(path, named, &[kind()])) {
        Some(Ok(weights)) => return Ok(weights.into_iter().next().unwrap_or_default()),
        Some(Err(damaged)) => Some(damaged),
        None => None,
    };
    let weights = load().map_err(|error| damaged.unwrap_or(error))?;
    write(path, named, &[(kind(), weights.as_slice())])?;
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_another_run_are_kept_and_loaded_again_where_the_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TEACHER_FILE);
        let gone = || Err(Error::Refused("it is gone".to_owned()));
        assert!(kept(&path, "1:a", 2, gone).unwrap_err().to_string().contains("it is gone"));
        assert_eq!(kept(&path, "1:a", 2, || Ok(vec![1.0, 2.0])).unwrap(), [1.0, 2.0]);
        assert_eq!(kept(&path, "1:a", 2, gone).unwrap(), [1.0, 2.0]);
        // Another checkpoint is requested, or the file is damaged.
        assert!(kept(&path, "1:b", 2, gone).unwrap_err().to_string().contains("another text"));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(kept(&path, "1:a", 2, gone).unwrap_err().to_string().contains("checksum"));
        assert_eq!(kept(&path, "1:a", 2, || Ok(vec![3.0, 4.0])).unwrap(), [3.0, 4.0]);
        assert_eq!(kept(&path, "1:a", 2, gone).unwrap(), [3.0, 4.0]);
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_refused_where_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(REFERENCE_FILE);
        let kinds = || [("train", vec![2, 2]), ("validation", vec![1, 2])];
        let values: [&[f32]; 2] = [&[-1.0, -2.5, 0.0, -4.0], &[-0.5, -3.0]];
        let tensors: Vec<(Kind, &[f32])> = kinds().into_iter().zip(values).collect();
        write(&path, "a text", &tensors).unwrap();
        assert_eq!(read(&path, "a text", &kinds()).unwrap(), values.map(<[f32]>::to_vec));
        let refused = |belongs_to: &str, wanted: &[Kind]| read(&path, belongs_to, wanted).unwrap_err();
        assert!(refused("another", &kinds()).to_string().contains("another text"));
        assert!(refused("a text", &[("train", vec![3, 2])]).to_string().contains("the shape [2, 2]"));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(refused("a text", &kinds()).to_string().contains("checksum"));
        write(&path, "a text", &[(("train", vec![1]), &[f32::NAN])]).unwrap();
        assert!(refused("a text", &[("train", vec![1])]).to_string().contains("not finite"));
        std::fs::remove_file(&path).unwrap();
        read(&path, "a text", &kinds()).unwrap_err();
    }
}
