//! Expected calibration error (Guo et al. 2017, arXiv:1706.04599) over 15 bins of equal width, (lower, upper]:
//! Σ share of the bin × |accuracy − confidence|. torchmetrics' bins are [lower, upper), which differs only for confidences exactly
//! on an edge.

use crate::statistics::wilson;
use glasshouse_protocol::evaluation::CalibrationBin;

pub const BINS: usize = 15;

/// Per bin: number of predictions, sum of confidences, number of correct predictions. Additive, so a document has one such value
/// and a bootstrap adds those of the resampled documents.
pub type Sums = [f64; 3 * BINS];

pub const NONE: Sums = [0.0; 3 * BINS];

/// Adds a prediction, given as confidence (0 to 1) and correctness. NaN is ignored.
pub fn add(sums: &mut Sums, confidence: f64, right: bool) {
    if confidence.is_nan() {
        return;
    }
    let bin = (1..BINS).take_while(|bin| *bin as f64 / (BINS as f64) < confidence).count();
    if let Some([count, confidences, rights]) = sums.get_mut(3 * bin..3 * bin + 3) {
        *count += 1.0;
        *confidences += confidence;
        *rights += f64::from(u8::from(right));
    }
}

/// The expected calibration error; NaN without predictions.
pub fn ece(sums: Sums) -> f64 {
    let (mut count, mut error) = (0.0, 0.0);
    for bin in sums.chunks_exact(3) {
        if let [predictions, confidences, rights] = bin {
            count += predictions;
            error += (rights - confidences).abs();
        }
    }
    error / count
}

/// The bins of a reliability diagram; each accuracy has Wilson's interval.
pub fn bins(sums: &Sums) -> Vec<CalibrationBin> {
    let bins = sums.chunks_exact(3).filter_map(|bin| bin.first_chunk::<3>());
    bins.map(|[count, confidences, rights]| {
        let mean = |sum: f64| if *count > 0.0 { sum / count } else { 0.0 };
        CalibrationBin {
            count: *count as u64,
            confidence: mean(*confidences),
            accuracy: mean(*rights),
            interval: wilson(*rights as u64, *count as u64),
        }
    })
    .collect()
}
