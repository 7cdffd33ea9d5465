//! Short poems of rhymed couplets, for trying out a model that imitates a style.

use super::TaskSplit;
use super::draw::{Draw, fill};
use super::texts::list;
use crate::stories::colours;
use glasshouse_protocol::random::nth;

const POEMS: u64 = 0x706f_656d_0000;

const COUPLETS: usize = 2;

/// An endless stream of poems; a seed gives the same ones on every target.
pub fn poems(seed: u64) -> impl Iterator<Item = String> {
    (0..).map(move |number| poem(&mut Draw::new(nth(seed, POEMS, number), TaskSplit::Train, 1)))
}

fn poem(draw: &mut Draw) -> String {
    let couplets = draw.pick_some(list("couplets"), COUPLETS);
    let couplets = couplets.into_iter().map(|couplet| {
        let (name, colour) = (draw.person(&[]).name, draw.pick(colours()));
        super::draw::capital(&fill(couplet, &[("name", name), ("colour", colour)]))
    });
    couplets.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn poems_have_four_lines_and_are_many() {
        let made: Vec<String> = poems(1).take(500).collect();
        assert_eq!(made, poems(1).take(500).collect::<Vec<_>>());
        assert_ne!(made, poems(2).take(500).collect::<Vec<_>>());
        for poem in &made {
            assert!(poem.lines().count() == 2 * COUPLETS && !poem.contains(['{', '}']), "{poem}");
        }
        assert!(made.iter().collect::<HashSet<_>>().len() > 300);
    }
}
