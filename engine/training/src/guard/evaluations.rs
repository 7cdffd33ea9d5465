//! Detects overfitting and plateaus from evaluations.

pub(super) const REMEMBERED: usize = 12;
/// Consecutive evaluations that must agree.
const IN_A_ROW: usize = 4;
/// Factors by which a loss must have risen or fallen.
const RISEN: f32 = 1.01;
const FALLEN: f32 = 0.999;

/// Step, training loss and validation loss.
pub(super) type Losses = (u64, f32, f32);

/// The evaluation since which the validation loss has risen every time, and by 1 % in total, while the training loss fell.
pub(super) fn overfitting(evaluations: &[Losses]) -> Option<Losses> {
    let last = last(evaluations)?;
    let (first, end) = (last.first()?, last.last()?);
    let rises = last.is_sorted_by(|one, next| next.2 > one.2);
    (rises && first.2 > 0.0 && end.2 > RISEN * first.2 && end.1 < first.1).then_some(*first)
}

/// Whether a validation loss is 1 % above that of step 0.
pub(super) fn is_worse(start: f32, validation: f32) -> bool {
    validation > start + (RISEN - 1.0) * start.abs()
}

/// The evaluation since which neither loss has fallen by a thousandth.
pub(super) fn plateau(evaluations: &[Losses]) -> Option<Losses> {
    let last = last(evaluations)?;
    let before = evaluations.get(..evaluations.len() - last.len())?;
    let best = |all: &[Losses], loss: fn(&Losses) -> f32| all.iter().map(loss).fold(f32::INFINITY, f32::min);
    let stands =
        |loss: fn(&Losses) -> f32| best(before, loss) > 0.0 && best(last, loss) > FALLEN * best(before, loss);
    // The untrained model is not a valid comparison.
    let is_trained = before.iter().any(|losses| losses.0 > 0);
    (is_trained && stands(|losses| losses.1) && stands(|losses| losses.2)).then(|| before.last().copied())?
}

fn last(evaluations: &[Losses]) -> Option<&[Losses]> {
    let last = evaluations.get(evaluations.len().checked_sub(IN_A_ROW)?..)?;
    last.iter().all(|losses| losses.0 > 0).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluations(train: &[f32], validation: &[f32]) -> Vec<Losses> {
        let losses = train.iter().zip(validation);
        losses.zip(0..).map(|((train, validation), at)| (100 * at, *train, *validation)).collect()
    }

    #[test]
    fn a_validation_loss_that_rises_while_training_goes_on_is_overfitting() {
        let train = [4.0, 2.0, 1.5, 1.2, 1.0, 0.8];
        let seen = overfitting(&evaluations(&train, &[4.0, 2.1, 1.9, 1.95, 2.0, 2.1]));
        assert_eq!(seen, Some((200, 1.5, 1.9)));
        // It must rise every time, by enough, while the training loss falls.
        assert_eq!(overfitting(&evaluations(&train, &[4.0, 2.1, 1.9, 1.95, 1.94, 2.1])), None);
        assert_eq!(overfitting(&evaluations(&train, &[4.0, 2.1, 1.9, 1.901, 1.902, 1.903])), None);
        let rising = [4.0, 2.0, 1.5, 1.6, 1.7, 1.8];
        assert_eq!(overfitting(&evaluations(&rising, &[4.0, 2.1, 1.9, 1.95, 2.0, 2.1])), None);
        assert_eq!(overfitting(&evaluations(&train[..3], &[1.0, 1.1, 1.2])), None);
    }

    #[test]
    fn a_loss_above_that_of_the_start_is_worse() {
        assert!(is_worse(2.20, 27.5) && is_worse(2.20, 2.23) && is_worse(-1.0, -0.9));
        assert!(
            !is_worse(2.20, 2.21) && !is_worse(2.20, 1.9) && !is_worse(-1.0, -1.5) && !is_worse(0.0, 0.0)
        );
    }

    #[test]
    fn losses_that_stand_still_are_a_plateau() {
        let still = [4.0, 2.0, 2.0, 2.0, 1.9999, 2.0];
        assert_eq!(plateau(&evaluations(&still, &still)), Some((100, 2.0, 2.0)));
        let falling = [4.0, 2.0, 1.9, 1.85, 1.84, 1.83];
        assert_eq!(plateau(&evaluations(&falling, &still)), None);
        assert_eq!(plateau(&evaluations(&still, &falling)), None);
        // With only the untrained model to compare, nothing is known yet.
        assert_eq!(plateau(&evaluations(&[2.0; 5], &[2.0; 5])), None);
    }
}
