//! Plots in which something goes wrong and is put right.

use super::plots::{self, Plot};

pub(super) const PLOTS: &[Plot] = &[LOST_TOY, BROKEN, AFRAID, STUCK, RAIN, LOST_WAY, TREE, NOISE];

const LOST_TOY: Plot = Plot {
    name: "lost-toy",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("toy", &["ball", "kite", "hat", "boat", "drum", "bell", "book", "scarf"]),
        ("spot", &["under the bed", "behind the door", "in the tall grass", "under a bush", "near the pond"]),
        ("here", &["in the box", "under the table", "behind a big stone", "in the garden"]),
    ],
    opening: &[
        &[
            "{Hero} had a(n) {colour} {toy}, and {he} took it everywhere.",
            "{Hero} had a(n) {colour} {toy}. It was {his} favorite thing.",
            "{His} favorite thing was a(n) {colour} {toy}.",
        ],
        &["One {time}, the {toy} was gone.", "One {time}, {he} could not find the {toy}."],
    ],
    middle: &[
        &[
            "{He} looked {here}, but the {toy} was not there.",
            "First {he} looked {here}. It was not there.",
            "{He} looked and looked, but {he} could not see it.",
        ],
        &["{Hero} felt very sad.", "{Hero} began to cry.", "{Hero} sat down and was sad."],
        &["{Friend} came by and saw {him}.", "Then {Friend} came to see {him}."],
        &["\"What is wrong?\" asked {Friend}.", "\"Why are you sad?\" {Friend} asked."],
        &["\"I lost my {colour} {toy},\" said {Hero}.", "\"I cannot find my {toy},\" {Hero} said."],
        &["\"I will help you look,\" said {Friend}.", "\"Let us look for it together,\" said {Friend}."],
    ],
    ending: &[
        &[
            "They looked {spot}, and there was the {toy}!",
            "{Friend} looked {spot}. \"I found it!\" {fhe} said.",
            "At last they found the {colour} {toy} {spot}.",
        ],
        &[
            "\"Thank you!\" said {Hero}, and {he} gave {Friend} a big hug.",
            "{Hero} was so happy. \"You are a good friend,\" {he} said.",
            "{Hero} jumped up and down with joy.",
        ],
    ],
};

const BROKEN: Plot = Plot {
    name: "broken",
    strangers: false,
    closings: plots::AT_HOME,
    slots: &[
        ("dish", &["cup", "plate", "bowl", "pot", "vase", "lamp"]),
        ("place", &["kitchen", "living room", "garden"]),
    ],
    opening: &[
        &[
            "One {time}, {Hero} was playing in the {place}.",
            "One {weather} day, {Hero} ran into the {place}.",
            "One {time}, {Hero} jumped around in the {place}.",
        ],
        &[
            "{He} did not look, and {he} hit the {colour} {dish}.",
            "{He} ran too fast and hit {his} {elder}'s {colour} {dish}.",
        ],
    ],
    middle: &[
        &["Crash! The {dish} fell down and broke.", "The {dish} fell to the floor with a loud crash."],
        &[
            "{Hero} was afraid. {He} wanted to hide the pieces.",
            "\"Oh no!\" said {Hero}. {He} did not know what to do.",
            "{Hero} felt bad and wanted to run away.",
        ],
        &[
            "But {Friend} said, \"You should tell the truth.\"",
            "\"Tell your {elder} what happened,\" said {Friend}.",
        ],
        &[
            "So {Hero} went to {his} {elder}. \"I broke the {dish}. I am sorry,\" {he} said.",
            "{Hero} found {his} {elder} and said, \"I am very sorry. I broke your {dish}.\"",
        ],
    ],
    ending: &[
        &[
            "{His} {elder} was not angry. \"Thank you for telling me,\" {ehe} said.",
            "{His} {elder} smiled. \"It is good that you told the truth,\" {ehe} said.",
        ],
        &[
            "They picked up the pieces and fixed the {dish} together.",
            "Then they made a new {dish} together.",
            "They cleaned the floor together.",
        ],
    ],
};

const AFRAID: Plot = Plot {
    name: "afraid",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("fear", &["the dark", "loud thunder", "deep water", "the big dog", "high places", "the cold wind"]),
        (
            "help",
            &[
                "held {his} hand",
                "sang a soft song",
                "told a funny story",
                "stayed close to {him}",
                "counted to ten with {him}",
            ],
        ),
    ],
    opening: &[
        &[
            "{Hero} was afraid of {fear}.",
            "There was one thing {he} did not like. {He} was afraid of {fear}.",
        ],
        &["{He} did not tell anyone.", "When {he} thought of it, {he} wanted to hide."],
    ],
    middle: &[
        &[
            "One {time}, {Friend} saw {Hero} hide under the bed.",
            "One {time}, {Hero} stood still and did not want to go on.",
            "One {time}, {Hero} hid behind a tree.",
        ],
        &[
            "\"Are you scared?\" asked {Friend}. \"Yes,\" said {Hero}. \"I am afraid of {fear}.\"",
            "\"What are you afraid of?\" {Friend} asked. \"I am afraid of {fear},\" {Hero} said in a small voice.",
        ],
        &[
            "\"I was afraid too,\" said {Friend}. \"We can be brave together.\"",
            "\"Do not worry,\" said {Friend}. \"I am here with you.\"",
        ],
        &["Then {Friend} {help}."],
    ],
    ending: &[
        &[
            "{Hero} took a deep breath and was not so scared anymore.",
            "Soon {Hero} felt safe and warm.",
            "Little by little, {Hero} felt brave.",
        ],
        &[
            "\"Look at me!\" {he} said. \"I am not afraid now!\"",
            "\"Thank you for helping me,\" said {Hero}.",
            "\"It is not so bad,\" {he} said with a smile.",
        ],
    ],
};

const STUCK: Plot = Plot {
    name: "stuck",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("small", &["bird", "bee", "kitten", "turtle", "lamb", "butterfly", "puppy", "snail"]),
        ("trap", &["in the mud", "under a heavy stone", "in a bush", "in a deep hole", "between two rocks"]),
        ("walk", &["to the river", "through the woods", "up the hill", "along the road", "to the pond"]),
    ],
    opening: &[
        &[
            "One {weather} {time}, {Hero} went for a walk {walk}.",
            "One {time}, {Hero} and {Friend} walked {walk}.",
        ],
        &["{He} heard a small voice. \"Help! Help!\"", "Then {he} heard someone cry."],
    ],
    middle: &[
        &["It was a little {small}. It was stuck {trap}.", "A little {small} was stuck {trap}."],
        &["\"Please help me,\" said the {small}.", "\"I cannot get out,\" said the {small}."],
        &[
            "{Hero} pulled and pulled, but {he} was not strong enough.",
            "{Hero} tried to help, but it was too hard for {him}.",
        ],
        &["So {he} called {Friend}.", "\"{Friend}, come here!\" {he} called. \"I need you!\""],
        &[
            "{Hero} and {Friend} pulled together. One, two, three!",
            "Together they pulled as hard as they could.",
        ],
    ],
    ending: &[
        &["Pop! The {small} was free.", "At last the {small} was free."],
        &[
            "\"Thank you, my friends,\" said the {small}.",
            "\"You saved me!\" said the {small}. \"Thank you!\"",
            "The {small} was so happy that it danced.",
        ],
    ],
};

const RAIN: Plot = Plot {
    name: "rain",
    strangers: false,
    closings: plots::AT_HOME,
    slots: &[
        ("goal", &["the beach", "the park", "the lake", "the forest", "the big field"]),
        (
            "game",
            &[
                "made a boat out of paper",
                "built a house out of boxes",
                "painted a big picture",
                "baked a cake",
                "told each other stories",
                "played music with pots and spoons",
            ],
        ),
    ],
    opening: &[
        &[
            "One {time}, {Hero} and {Friend} wanted to go to {goal}.",
            "{Hero} and {Friend} had a plan. They wanted to go to {goal}.",
        ],
        &[
            "They packed some bread and apples.",
            "They could not wait to go.",
            "They put on their {colour} hats.",
        ],
    ],
    middle: &[
        &[
            "But then it began to rain.",
            "But the sky turned gray, and rain came down.",
            "Then big dark clouds came, and it rained hard.",
        ],
        &["\"Oh no,\" said {Hero}. \"Now we cannot go.\"", "\"Now our day is ruined,\" said {Hero}."],
        &["{Hero} looked out of the window and was sad.", "{He} was so sad that {he} almost cried."],
        &[
            "\"I have an idea,\" said {Friend}. \"We can play inside!\"",
            "Then {Friend} smiled. \"We can still have fun,\" {fhe} said.",
        ],
        &["So they {game}.", "They stayed inside and {game}."],
    ],
    ending: &[
        &[
            "When the rain stopped, they saw a rainbow in the sky.",
            "Soon the sun came out again.",
            "They had so much fun that they forgot the rain.",
        ],
        &[
            "\"I like rain now,\" said {Hero}.",
            "\"That was the best day,\" said {Hero}.",
            "\"Thank you for your good idea,\" said {Hero}.",
        ],
    ],
};

const LOST_WAY: Plot = Plot {
    name: "lost-way",
    strangers: false,
    closings: plots::AT_HOME,
    slots: &[
        ("bug", &["butterfly", "bird", "leaf", "bee", "dragonfly"]),
        ("guide", &["old owl", "kind deer", "tall horse", "wise turtle", "friendly goat"]),
        ("sign", &["the river", "the little path", "the tall trees", "the stars", "the old wall"]),
    ],
    opening: &[
        &["One {time}, {Hero} saw a(n) {colour} {bug}.", "One {weather} day, a(n) {colour} {bug} came by."],
        &["{He} ran after it, deep into the woods.", "{He} followed it far away from home."],
    ],
    middle: &[
        &["Soon {he} did not know where {he} was.", "Then {he} looked around. {He} was lost."],
        &[
            "It was getting dark, and {Hero} was scared.",
            "{Hero} sat down and cried. \"I want to go home,\" {he} said.",
        ],
        &["A(n) {guide} heard {him}.", "Then a(n) {guide} came along."],
        &[
            "\"Are you lost, little one?\" asked the {guide}. \"Yes,\" said {Hero}. \"I do not know the way home.\"",
            "\"Why do you cry?\" asked the {guide}. \"I cannot find my home,\" said {Hero}.",
        ],
        &[
            "\"Follow {sign}, and I will walk with you,\" said the {guide}.",
            "\"Come with me,\" said the {guide}. \"We will follow {sign}.\"",
        ],
    ],
    ending: &[
        &["Soon {Hero} saw {his} home.", "They walked and walked until they saw a light. It was {his} home."],
        &[
            "{His} {elder} ran out and hugged {him}. \"I was so worried!\" {ehe} said.",
            "{His} {elder} was so happy to see {him}.",
        ],
        &["\"I will not go so far alone again,\" said {Hero}.", "\"Thank you,\" {Hero} said to the {guide}."],
    ],
};

const TREE: Plot = Plot {
    name: "tree",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("toy", &["kite", "ball", "hat", "balloon", "paper plane"]),
        ("tall", &["a tall man", "a big bear", "a long ladder", "a strong wind", "a friendly bird"]),
        ("field", &["in the park", "in the field", "on the hill", "near the school", "by the river"]),
    ],
    opening: &[
        &[
            "One {weather} day, {Hero} played {field} with a(n) {colour} {toy}.",
            "One {time}, {Hero} and {Friend} played {field}. They had a(n) {colour} {toy}.",
        ],
        &[
            "The wind blew hard, and the {toy} flew up into a tree.",
            "Then the {toy} flew up, up, up, and landed in a tree.",
        ],
    ],
    middle: &[
        &["{Hero} jumped, but the tree was too high.", "{Hero} tried to climb the tree, but {he} could not."],
        &[
            "{Friend} threw a stick, but it did not help.",
            "{Friend} shook the tree, but the {toy} did not fall.",
        ],
        &["\"What can we do?\" asked {Hero}.", "\"We will never get it back,\" said {Hero}."],
        &[
            "\"We should ask for help,\" said {Friend}.",
            "\"Do not give up,\" said {Friend}. \"I will get help.\"",
        ],
    ],
    ending: &[
        &[
            "Soon {tall} helped them, and the {toy} came down.",
            "Then {tall} came and got the {toy} out of the tree.",
        ],
        &[
            "\"Hooray!\" they cried.",
            "{Hero} held the {toy} and laughed.",
            "\"Thank you!\" said {Hero} and {Friend}.",
        ],
    ],
};

const NOISE: Plot = Plot {
    name: "noise",
    strangers: false,
    closings: plots::AT_NIGHT,
    slots: &[
        ("sound", &["Tap, tap, tap!", "Scratch, scratch!", "Knock, knock!", "Boom, boom!"]),
        (
            "cause",
            &[
                "a small mouse with a nut",
                "a branch in the wind",
                "a wet kitten",
                "a little bird at the window",
                "a(n) {colour} ball on the stairs",
            ],
        ),
    ],
    opening: &[
        &[
            "One night, {Hero} was in bed.",
            "One night, {Hero} could not sleep.",
            "It was late, and {Hero} was going to sleep.",
        ],
        &["Then {he} heard a noise. {sound}", "{sound} There was a strange noise."],
    ],
    middle: &[
        &["\"Is it a monster?\" {he} thought.", "\"Who is there?\" {he} said, but no one answered."],
        &["{He} pulled the blanket over {his} head.", "{His} heart beat very fast."],
        &["{sound} There it was again.", "The noise came again. {sound}"],
        &["\"I must be brave,\" said {Hero}.", "{Hero} took a deep breath and got up."],
        &["{He} took a light and walked to the door.", "Slowly, {he} went to look."],
    ],
    ending: &[
        &["It was not a monster. It was only {cause}!", "It was only {cause}. {Hero} had to laugh."],
        &[
            "In the morning, {he} told {Friend}, and they both laughed.",
            "\"How silly I was,\" {he} said, and went back to bed.",
            "\"You scared me,\" said {Hero}. Then {he} smiled.",
        ],
    ],
};
