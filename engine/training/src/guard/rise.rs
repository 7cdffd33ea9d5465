//! Detects a loss that has risen and stays high, even if no single step is an outlier. Compares the median of the window's last
//! eighth, which a single odd step does not affect, with the mean of the rest. The difference is measured in standard deviations
//! of single steps, although a median varies less, so that fluctuations raise no alarm.

use super::outlier::{MIN_LOSS_DEVIATION, moments};
use glasshouse_protocol::order;

/// The last part is this fraction (1/n) of the window.
pub(super) const PART: usize = 8;

/// The median of a full window's last part, the mean of the rest, and the difference in standard deviations of the rest.
pub(super) fn rise(window: &[f32], size: usize) -> Option<(f64, f64, f64)> {
    let (before, last) = window.split_at_checked(size - size / PART).filter(|_| window.len() == size)?;
    let (mean, deviation) = moments(before, MIN_LOSS_DEVIATION)?;
    let mut last = last.to_vec();
    order::sort_by(&mut last, f32::total_cmp);
    let middle = |at: usize| last.get(at).copied().map(f64::from);
    // For an even number of values, the mean of the two in the middle.
    let now = (middle((last.len() - 1) / 2)? + middle(last.len() / 2)?) / 2.0;
    Some((now, mean, (now - mean) / deviation))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that alternates by ±0.1 around a mean.
    fn about(mean: f32, steps: usize) -> Vec<f32> {
        (0..steps).map(|step| mean + if step % 2 == 0 { 0.1 } else { -0.1 }).collect()
    }

    #[test]
    fn a_loss_that_climbs_slowly_is_seen_and_one_that_falls_is_not() {
        let climbing: Vec<f32> = about(2.0, 128)
            .into_iter()
            .enumerate()
            .map(|(at, loss)| loss + at.saturating_sub(96) as f32 * 0.02)
            .collect();
        let (now, before, z) = rise(&climbing, 128).unwrap();
        assert!(z > 3.0 && now > before, "{z}");
        let falling: Vec<f32> = climbing.iter().rev().copied().collect();
        assert!(rise(&falling, 128).unwrap().2 < 0.0);
        assert!(rise(&about(2.0, 128), 128).unwrap().2.abs() < 0.5);
        assert_eq!(rise(&about(2.0, 100), 128), None);
        let mut odd = about(2.0, 128);
        odd[120] = 9.0;
        assert!(rise(&odd, 128).unwrap().2 < 2.0, "one step is no rise");
        // Several consecutive steps with a wrong token each, with a loss near 0.
        let near_0: Vec<f32> = (0..128).map(|step| if step < 118 { 0.0005 } else { 0.08 }).collect();
        assert!(rise(&near_0, 128).unwrap().2 < 2.0);
    }
}
