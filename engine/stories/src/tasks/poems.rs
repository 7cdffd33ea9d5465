//! Short poems of rhymed couplets, for trying out a model that imitates a style.

use super::TaskSplit;
use super::draw::{Draw, fill};
use crate::stories::colours;
use glasshouse_protocol::random::nth;

/// Purpose of the random numbers for poems.
const POEMS: u64 = 0x706f_656d_0000;

const COUPLETS: usize = 2;

const PAIRS: &[&str] = &[
    "A {colour} cat sat by the door,\nand watched the rain, and asked for more.",
    "A little boat went down the stream,\nas slow and quiet as a dream.",
    "The owl looked up and saw the moon,\nand hummed a very old, old tune.",
    "{name} went walking in the snow,\nand did not know which way to go.",
    "The wind came singing through the tree,\nand brought the smell of salt and sea.",
    "The lamp was low, the night was deep,\nand {name} was almost half asleep.",
    "A {colour} bird flew past the hill,\nand then the evening air was still.",
    "The frog jumped high, the frog jumped far,\nand tried to catch a falling star.",
    "We baked a cake, we baked a bun,\nand ate them both out in the sun.",
    "{name} found a stone as smooth as glass,\nand lost it in the {colour} grass.",
    "A {colour} kite went up so high,\nit drew a line across the sky.",
    "At night the mice come out to play,\nand tidy up before the day.",
    "The {colour} door, the winding stair,\nand nobody had ever been there.",
    "The bell was old, the bell was round,\nand {name} loved its sleepy sound.",
    "The rain was soft upon the town,\nand all the {colour} leaves came down.",
    "A fox ran by, a fox ran past,\nand no one saw it run so fast.",
];

/// An endless stream of poems; a seed gives the same ones on every target.
pub fn poems(seed: u64) -> impl Iterator<Item = String> {
    (0..).map(move |number| poem(&mut Draw::new(nth(seed, POEMS, number), TaskSplit::Train, 1)))
}

fn poem(draw: &mut Draw) -> String {
    let couplets = draw.pick_some(PAIRS, COUPLETS);
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
