//! Questions about stories about giving, making, learning and making up, and their summaries.

use super::{About, question};

pub(super) const PLOTS: &[About] = &[
    About {
        plot: "sharing",
        questions: &[
            question(
                1,
                ("story-where-sit", &[&["{seat}"]]),
                [
                    &["Where did {Hero} sit down?", "Where did {Hero} sit?", "In what place did {Hero} eat?"],
                    &["Tell me where {Hero} sat."],
                    &["Please say where {Hero} sat down."],
                ],
                "{seat}",
                &[],
            ),
            question(
                1,
                ("story-who-hungry", &[&["hungry", "nothing to eat"]]),
                [
                    &["Who was hungry?", "Who wanted to eat, too?", "Who had no food?"],
                    &["Tell me who was hungry."],
                    &["Please say who was hungry."],
                ],
                "{Friend}",
                &[],
            ),
            question(
                2,
                ("story-what-food", &[&["{number} {food}"]]),
                [
                    &["What did {Hero} have?", "What did {Hero} want to eat?"],
                    &["Tell me what {Hero} had."],
                    &["Which food did {Hero} have?"],
                ],
                "{number} {food}",
                &["{food}"],
            ),
            question(
                2,
                ("story-how-many", &[&["{number} {food}"]]),
                [
                    &["How many {food} did {Hero} have?", "How many {food} were there?"],
                    &["Tell me how many {food} {Hero} had."],
                    &["What was the number of {food}?"],
                ],
                "{number}",
                &[],
            ),
            question(
                3,
                ("story-why-share", &[]),
                [
                    &["Why did {Hero} share the {food}?", "Why did {Hero} give food to {Friend}?"],
                    &["Tell me why {Hero} shared."],
                    &["For what reason did {Hero} share the {food}?"],
                ],
                "Because {Friend} was hungry",
                &["{Friend}|friend", "hungry|sad|nothing"],
            ),
        ],
        summaries: [
            ("{Hero} had {number} {food}.", &["{Hero}", "{food}"]),
            (
                "{Hero} had {number} {food} and shared them with {Friend}.",
                &["{Hero}", "{food}", "{Friend}", "share|shared"],
            ),
            (
                "{Hero} shared {his} {food} with {Friend}, who was hungry.",
                &["{Hero}", "{food}", "{Friend}", "share|shared"],
            ),
        ],
    },
    About {
        plot: "learning",
        questions: &[
            question(
                1,
                ("story-who-could", &[&["{Friend} could {skill} very well"]]),
                [
                    &["Who could {skill} very well?", "Who could {skill}?", "Who was good at this?"],
                    &["Tell me who could {skill}."],
                    &["Please say who could {skill} very well."],
                ],
                "{Friend}",
                &[],
            ),
            question(
                1,
                ("story-who-learn", &[&["wanted to learn to {skill}"]]),
                [
                    &[
                        "Who wanted to learn something?",
                        "Who wanted to learn to {skill}?",
                        "Who had to learn to {skill}?",
                    ],
                    &["Tell me who wanted to learn to {skill}."],
                    &["Please say who wanted to learn to {skill}."],
                ],
                "{Hero}",
                &[],
            ),
            question(
                2,
                ("story-what-learn", &[&["{skill}"]]),
                [
                    &["What did {Hero} want to learn?", "What did {Hero} want to do?"],
                    &["Tell me what {Hero} wanted to learn."],
                    &["Which thing did {Hero} want to learn?"],
                ],
                "to {skill}",
                &[],
            ),
            question(
                3,
                ("story-who-show", &[]),
                [
                    &["Who told {Hero} to try again?", "Who helped {Hero} to go on?"],
                    &["Tell me who helped {Hero} to go on."],
                    &["Whose kind words helped {Hero}?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-give-up", &[]),
                [
                    &["Why did {Hero} want to give up?", "Why was it hard for {Hero} at first?"],
                    &["Tell me why {Hero} wanted to stop."],
                    &["For what reason did {Hero} want to stop?"],
                ],
                "Because {he} {fall} and it was too hard",
                &["hard|work|{fall}"],
            ),
        ],
        summaries: [
            ("{Hero} wanted to learn to {skill}.", &["{Hero}", "{skill}"]),
            (
                "{Hero} tried to {skill}, and {Friend} told {him} not to give up.",
                &["{Hero}", "{Friend}", "{skill}", "give up|try"],
            ),
            (
                "{Hero} did not give up and learned to {skill} with {Friend}.",
                &["{Hero}", "{Friend}", "{skill}"],
            ),
        ],
    },
    About {
        plot: "seed",
        questions: &[
            question(
                1,
                ("story-where-plant", &[&["{ground}"]]),
                [
                    &[
                        "Where did {Hero} plant the seed?",
                        "Where was the seed?",
                        "In what place did {Hero} plant the seed?",
                    ],
                    &["Tell me where {Hero} planted the seed."],
                    &["Please say where {Hero} planted it."],
                ],
                "{ground}",
                &[],
            ),
            question(
                2,
                ("story-what-found", &[&["seed"]]),
                [
                    &["What did {Hero} plant?", "What did {Hero} have?"],
                    &["Tell me what {Hero} planted."],
                    &["Which thing did {Hero} plant?"],
                ],
                "a seed",
                &["seed"],
            ),
            question(
                3,
                ("story-what-grew", &[]),
                [
                    &["What did the seed become?", "What grew there in the end?"],
                    &["Tell me what grew from the seed."],
                    &["Into what did the seed grow?"],
                ],
                "a(n) {plant}",
                &["{plant}"],
            ),
            question(
                3,
                ("story-why-wait", &[]),
                [
                    &["Why did {Hero} have to wait?", "Why was it good to wait?"],
                    &["Tell me why {Hero} had to wait."],
                    &["For what reason did {Hero} wait?"],
                ],
                "Because a seed needs time to grow",
                &["time|grow|sun"],
            ),
        ],
        summaries: [
            ("{Hero} planted a small seed {ground}.", &["{Hero}", "seed"]),
            ("{Hero} planted a seed and waited, but nothing came up.", &["{Hero}", "seed", "wait|waited"]),
            ("{Hero} planted a seed and waited until it was a big {plant}.", &["{Hero}", "seed", "{plant}"]),
        ],
    },
    About {
        plot: "gift",
        questions: &[
            question(
                1,
                ("story-who-birthday", &[&["birthday"]]),
                [
                    &["Who had a birthday?", "Whose birthday was it?", "Who was the birthday for?"],
                    &["Tell me who had a birthday."],
                    &["Please say whose birthday it was."],
                ],
                "{Friend}",
                &[],
            ),
            question(
                2,
                ("story-what-made", &[&["made a {present}"]]),
                [
                    &["What did {Hero} make?", "What did {Hero} give to {Friend}?"],
                    &["Tell me what {Hero} made."],
                    &["Which present did {Hero} make?"],
                ],
                "a {present}",
                &["{present}"],
            ),
            question(
                3,
                ("story-who-advice-gift", &[]),
                [
                    &["Who told {Hero} what to do?", "Who helped {Hero} with an idea?"],
                    &["Tell me who gave {Hero} an idea."],
                    &["Whose words helped {Hero}?"],
                ],
                "{his} {elder}",
                &[],
            ),
            question(
                3,
                ("story-why-make", &[]),
                [
                    &["Why did {Hero} make the present?", "Why did {Hero} not buy a present?"],
                    &["Tell me why {Hero} made a present."],
                    &["For what reason did {Hero} make the present?"],
                ],
                "Because {he} had no money",
                &["money"],
            ),
        ],
        summaries: [
            (
                "It was {Friend}'s birthday, and {Hero} had no money for a present.",
                &["{Friend}", "{Hero}", "birthday", "money|present"],
            ),
            ("{Hero} made a {present} for {Friend}'s birthday.", &["{Hero}", "{Friend}", "{present}"]),
            (
                "{Hero} had no money, so {he} made a {present}, and {Friend} was happy with it.",
                &["{Hero}", "{Friend}", "{present}"],
            ),
        ],
    },
    About {
        plot: "quarrel",
        questions: &[
            question(
                1,
                ("story-where-quarrel", &[&["{play}"]]),
                [
                    &[
                        "Where were {Hero} and {Friend}?",
                        "Where did {Hero} meet {Friend}?",
                        "In what place were they?",
                    ],
                    &["Tell me where {Hero} and {Friend} were."],
                    &["Please say where {Hero} and {Friend} were."],
                ],
                "{play}",
                &[],
            ),
            question(
                2,
                ("story-what-both-want", &[&["{colour} {toy}"]]),
                [
                    &["What did they both want?", "What was there only one of?"],
                    &["Tell me what they both wanted."],
                    &["Which thing did {Hero} and {Friend} want?"],
                ],
                "the {colour} {toy}",
                &["{toy}"],
            ),
            question(
                2,
                ("story-what-color-quarrel", &[&["{colour} {toy}"]]),
                [
                    &["What color was the {toy}?", "Which color did the {toy} have?"],
                    &["Tell me the color of the {toy}."],
                    &["Please say what color the {toy} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                3,
                ("story-what-broke", &[]),
                [
                    &["What broke?", "What did they fix?"],
                    &["Tell me what broke."],
                    &["Which thing was broken?"],
                ],
                "the {toy}",
                &["{toy}"],
            ),
            question(
                3,
                ("story-why-sad-quarrel", &[]),
                [
                    &["Why were they sad?", "Why did {Hero} say sorry?"],
                    &["Tell me why they were sad."],
                    &["For what reason were they sad?"],
                ],
                "Because they pulled and the {toy} broke",
                &["{toy}", "broke|broken"],
            ),
        ],
        summaries: [
            ("{Hero} and {Friend} both wanted the {colour} {toy}.", &["{Hero}", "{Friend}", "{toy}"]),
            (
                "{Hero} and {Friend} both wanted the {toy}, and it broke.",
                &["{Hero}", "{Friend}", "{toy}", "broke"],
            ),
            (
                "{Hero} and {Friend} broke the {toy}, said sorry and fixed it.",
                &["{Hero}", "{Friend}", "{toy}", "fixed|sorry"],
            ),
        ],
    },
    About {
        plot: "newcomer",
        questions: &[
            question(
                1,
                ("story-where-new", &[&["{where}"]]),
                [
                    &[
                        "Where was the new {fkind}?",
                        "In what place was the {fkind}?",
                        "Where did the {fkind} stand?",
                    ],
                    &["Tell me where the {fkind} was."],
                    &["Please say where the {fkind} was."],
                ],
                "{where}",
                &[],
            ),
            question(
                3,
                ("story-who-new", &[&["\"My name is {Friend}", "\"I am {Friend}"]]),
                [
                    &["What was the name of the new {fkind}?", "Who was the new {fkind}?"],
                    &["Tell me the name of the new {fkind}."],
                    &["Which name did the new {fkind} have?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-lonely", &[]),
                [
                    &["Why was {Friend} alone?", "Why was {Friend} lonely?"],
                    &["Tell me why {Friend} was alone."],
                    &["For what reason was {Friend} lonely?"],
                ],
                "Because {fhe} was new and had no friends",
                &["new|friend|friends"],
            ),
        ],
        summaries: [
            ("A new {fkind} was alone {where}.", &["{fkind}", "{where}"]),
            ("{Hero} went up to a new {fkind} named {Friend}.", &["{Hero}", "{Friend}"]),
            (
                "{Friend} was new and lonely, and {Hero} became {fhis} friend.",
                &["{Hero}", "{Friend}", "friend|friends|played"],
            ),
        ],
    },
    About {
        plot: "cold",
        questions: &[
            question(
                1,
                ("story-who-cold", &[&["{Friend} was cold", "I am so cold"]]),
                [
                    &["Who was cold?", "Who felt cold?", "Who was cold in the snow?"],
                    &["Tell me who was cold."],
                    &["Please say who was cold."],
                ],
                "{Friend}",
                &[],
            ),
            question(
                2,
                ("story-what-warm", &[&["{colour} {warm}"]]),
                [
                    &["What did {Hero} have?", "What did {Hero} have to keep warm?"],
                    &["Tell me what warm thing {Hero} had."],
                    &["Which warm thing did {Hero} have?"],
                ],
                "a(n) {colour} {warm}",
                &["{warm}"],
            ),
            question(
                2,
                ("story-what-color-warm", &[&["{colour} {warm}"]]),
                [
                    &["What color was the {warm}?", "Which color did the {warm} have?"],
                    &["Tell me the color of the {warm}."],
                    &["Please say what color the {warm} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                3,
                ("story-what-gave", &[]),
                [
                    &["What did {Hero} give to {Friend}?", "What did {Friend} get?"],
                    &["Tell me what {Hero} gave to {Friend}."],
                    &["Which thing did {Friend} get from {Hero}?"],
                ],
                "{his} {colour} {warm}",
                &["{warm}"],
            ),
            question(
                3,
                ("story-why-give", &[]),
                [
                    &["Why did {Hero} give the {warm} away?", "Why did {Friend} get the {warm}?"],
                    &["Tell me why {Hero} gave away the {warm}."],
                    &["For what reason did {Friend} get the {warm}?"],
                ],
                "Because {Friend} was cold",
                &["{Friend}|friend", "cold"],
            ),
        ],
        summaries: [
            ("{Hero} had a(n) {colour} {warm} for the cold winter.", &["{Hero}", "{warm}"]),
            (
                "{Friend} was cold in the snow, and {Hero} gave {fhim} a(n) {colour} {warm}.",
                &["{Hero}", "{Friend}", "{warm}", "gave|give"],
            ),
            (
                "{Hero} gave {his} {warm} to {Friend}, and in the end both were warm.",
                &["{Hero}", "{Friend}", "{warm}", "gave|give"],
            ),
        ],
    },
    About {
        plot: "star",
        questions: &[
            question(
                1,
                ("story-who-looked", &[&["looked"]]),
                [
                    &["Who looked at the {light}?", "Who looked up at night?", "Who saw the {light}?"],
                    &["Tell me who looked at the {light}."],
                    &["Please say who looked at the {light}."],
                ],
                "{Hero}",
                &[],
            ),
            question(
                2,
                ("story-what-want", &[&["want to"]]),
                [
                    &["What did {Hero} want to have?", "What did {Hero} want?"],
                    &["Tell me what {Hero} wanted to have."],
                    &["Which thing did {Hero} want to have?"],
                ],
                "the {light}",
                &[],
            ),
            question(
                2,
                ("story-what-net", &[&["{net}"]]),
                [
                    &["What did {Hero} take along?", "What did {Hero} have in {his} hand?"],
                    &["Tell me what {Hero} took along."],
                    &["Which thing did {Hero} take along?"],
                ],
                "{net}",
                &[],
            ),
            question(
                3,
                ("story-who-told", &[]),
                [
                    &["Who told {Hero} about the {light}?", "Who came to {Hero}?"],
                    &["Tell me who came to {Hero}."],
                    &["From whom did {Hero} learn about the {light}?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-catch", &[]),
                [
                    &["Why could {Hero} not catch the {light}?", "Why did {Hero} not get the {light}?"],
                    &["Tell me why {Hero} could not catch the {light}."],
                    &["For what reason could {Hero} not have the {light}?"],
                ],
                "Because the {light} is up in the sky",
                &["sky|water"],
            ),
        ],
        summaries: [
            ("{Hero} looked at the {light} and wanted to have it.", &["{Hero}", "{light}"]),
            ("{Hero} wanted to catch the {light}, but {he} could not.", &["{Hero}", "{light}", "catch|have"]),
            (
                "{Hero} could not catch the {light}, so {he} looked at it with {Friend}.",
                &["{Hero}", "{light}", "{Friend}", "look|looked|sky"],
            ),
        ],
    },
];
