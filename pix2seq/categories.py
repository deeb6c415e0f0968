"""Label spaces: what a model's class tokens mean.

A *label* is the index that a model predicts; a *category id* is the number that a dataset's files
use. COCO's 80 classes carry ids 1..90 with gaps, and the official checkpoints predict these ids
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Categories:
    """An ordered label space.

    Attributes:
        names: ``names[label]`` is shown to people; ``None`` marks an index that no class uses.
        ids: ``ids[label]`` is the dataset's category id.
    """

    names: tuple[str | None, ...]
    ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.ids):
            raise ValueError(f"{len(self.names)} names but {len(self.ids)} ids")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("category ids must be unique")

    @classmethod
    def contiguous(cls, names: Sequence[str], first_id: int = 0) -> Categories:
        """A label space whose ids count up from ``first_id``."""
        return cls(tuple(names), tuple(range(first_id, first_id + len(names))))

    def __len__(self) -> int:
        return len(self.names)

    def name(self, label: int) -> str:
        """The class name of ``label``; an index without a class reads ``class 437``."""
        name = self.names[label] if 0 <= label < len(self.names) else None
        return f"class {label}" if name is None else name

    def label_of_id(self, category_id: int) -> int:
        """The label of a dataset's category id. Raises ``KeyError`` naming the id."""
        try:
            return self.ids.index(category_id)
        except ValueError:
            raise KeyError(f"category id {category_id} is not in this label space") from None

    def label_of_name(self, name: str) -> int:
        """The label of a class name. Raises ``KeyError`` naming it."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no class is called {name!r}") from None

    def named_labels(self) -> tuple[int, ...]:
        """The labels that stand for a class."""
        return tuple(i for i, name in enumerate(self.names) if name is not None)


# Names by COCO category id (cocodataset.org); 1..90 with ten gaps.
# fmt: off
_COCO_IDS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28,
    31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54,
    55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81,
    82, 84, 85, 86, 87, 88, 89, 90,
)
_COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote",
    "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
_VOC_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# Objects365 v2, ids 1..365 (objects365.org).
_OBJECTS365_NAMES = (
    "Person", "Sneakers", "Chair", "Other Shoes", "Hat", "Car", "Lamp", "Glasses", "Bottle",
    "Desk", "Cup", "Street Lights", "Cabinet/shelf", "Handbag/Satchel", "Bracelet", "Plate",
    "Picture/Frame", "Helmet", "Book", "Gloves", "Storage box", "Boat", "Leather Shoes", "Flower",
    "Bench", "Potted Plant", "Bowl/Basin", "Flag", "Pillow", "Boots", "Vase", "Microphone",
    "Necklace", "Ring", "SUV", "Wine Glass", "Belt", "Monitor/TV", "Backpack", "Umbrella",
    "Traffic Light", "Speaker", "Watch", "Tie", "Trash bin Can", "Slippers", "Bicycle", "Stool",
    "Barrel/bucket", "Van", "Couch", "Sandals", "Basket", "Drum", "Pen/Pencil", "Bus",
    "Wild Bird", "High Heels", "Motorcycle", "Guitar", "Carpet", "Cell Phone", "Bread", "Camera",
    "Canned", "Truck", "Traffic cone", "Cymbal", "Lifesaver", "Towel", "Stuffed Toy", "Candle",
    "Sailboat", "Laptop", "Awning", "Bed", "Faucet", "Tent", "Horse", "Mirror", "Power outlet",
    "Sink", "Apple", "Air Conditioner", "Knife", "Hockey Stick", "Paddle", "Pickup Truck", "Fork",
    "Traffic Sign", "Balloon", "Tripod", "Dog", "Spoon", "Clock", "Pot", "Cow", "Cake",
    "Dining Table", "Sheep", "Hanger", "Blackboard/Whiteboard", "Napkin", "Other Fish",
    "Orange/Tangerine", "Toiletry", "Keyboard", "Tomato", "Lantern", "Machinery Vehicle", "Fan",
    "Green Vegetables", "Banana", "Baseball Glove", "Airplane", "Mouse", "Train", "Pumpkin",
    "Soccer", "Skiboard", "Luggage", "Nightstand", "Tea pot", "Telephone", "Trolley",
    "Head Phone", "Sports Car", "Stop Sign", "Dessert", "Scooter", "Stroller", "Crane", "Remote",
    "Refrigerator", "Oven", "Lemon", "Duck", "Baseball Bat", "Surveillance Camera", "Cat", "Jug",
    "Broccoli", "Piano", "Pizza", "Elephant", "Skateboard", "Surfboard", "Gun",
    "Skating and Skiing shoes", "Gas stove", "Donut", "Bow Tie", "Carrot", "Toilet", "Kite",
    "Strawberry", "Other Balls", "Shovel", "Pepper", "Computer Box", "Toilet Paper",
    "Cleaning Products", "Chopsticks", "Microwave", "Pigeon", "Baseball",
    "Cutting/chopping Board", "Coffee Table", "Side Table", "Scissors", "Marker", "Pie", "Ladder",
    "Snowboard", "Cookies", "Radiator", "Fire Hydrant", "Basketball", "Zebra", "Grape", "Giraffe",
    "Potato", "Sausage", "Tricycle", "Violin", "Egg", "Fire Extinguisher", "Candy", "Fire Truck",
    "Billiards", "Converter", "Bathtub", "Wheelchair", "Golf Club", "Briefcase", "Cucumber",
    "Cigar/Cigarette", "Paint Brush", "Pear", "Heavy Truck", "Hamburger", "Extractor",
    "Extension Cord", "Tong", "Tennis Racket", "Folder", "American Football", "Earphone", "Mask",
    "Kettle", "Tennis", "Ship", "Swing", "Coffee Machine", "Slide", "Carriage", "Onion",
    "Green beans", "Projector", "Frisbee", "Washing Machine/Drying Machine", "Chicken", "Printer",
    "Watermelon", "Saxophone", "Tissue", "Toothbrush", "Ice cream", "Hot air balloon", "Cello",
    "French Fries", "Scale", "Trophy", "Cabbage", "Hot dog", "Blender", "Peach", "Rice",
    "Wallet/Purse", "Volleyball", "Deer", "Goose", "Tape", "Tablet", "Cosmetics", "Trumpet",
    "Pineapple", "Golf Ball", "Ambulance", "Parking meter", "Mango", "Key", "Hurdle",
    "Fishing Rod", "Medal", "Flute", "Brush", "Penguin", "Megaphone", "Corn", "Lettuce", "Garlic",
    "Swan", "Helicopter", "Green Onion", "Sandwich", "Nuts", "Speed Limit Sign",
    "Induction Cooker", "Broom", "Trombone", "Plum", "Rickshaw", "Goldfish", "Kiwi fruit",
    "Router/modem", "Poker Card", "Toaster", "Shrimp", "Sushi", "Cheese", "Notepaper", "Cherry",
    "Pliers", "CD", "Pasta", "Hammer", "Cue", "Avocado", "Hami melon", "Flask", "Mushroom",
    "Screwdriver", "Soap", "Recorder", "Bear", "Eggplant", "Board Eraser", "Coconut",
    "Tape Measure/Ruler", "Pig", "Showerhead", "Globe", "Chips", "Steak", "Crosswalk Sign",
    "Stapler", "Camel", "Formula 1", "Pomegranate", "Dishwasher", "Crab", "Hoverboard",
    "Meat ball", "Rice Cooker", "Tuba", "Calculator", "Papaya", "Antelope", "Parrot", "Seal",
    "Butterfly", "Dumbbell", "Donkey", "Lion", "Urinal", "Dolphin", "Electric Drill",
    "Hair Dryer", "Egg tart", "Jellyfish", "Treadmill", "Lighter", "Grapefruit", "Game board",
    "Mop", "Radish", "Baozi", "Target", "French", "Spring Rolls", "Monkey", "Rabbit",
    "Pencil Case", "Yak", "Red Cabbage", "Binoculars", "Asparagus", "Barbell", "Scallop",
    "Noodles", "Comb", "Dumpling", "Oyster", "Table Tennis paddle",
    "Cosmetics Brush/Eyeliner Pencil", "Chainsaw", "Eraser", "Lobster", "Durian", "Okra",
    "Lipstick", "Cosmetics Mirror", "Curling", "Table Tennis",
)
# fmt: on


def _indexed_by_id(names: Sequence[str], ids: Sequence[int]) -> Categories:
    """A label space in which the label *is* the category id, with unnamed gaps (0 included)."""
    by_id = dict(zip(ids, names, strict=True))
    size = max(ids) + 1
    return Categories(tuple(by_id.get(i) for i in range(size)), tuple(range(size)))


COCO_80 = Categories(_COCO_NAMES, _COCO_IDS)
"""COCO's 80 classes, labels 0..79 in id order."""

COCO_91 = _indexed_by_id(_COCO_NAMES, _COCO_IDS)
"""COCO by raw category id, labels 0..90 with unnamed gaps, as the official checkpoints have it."""

VOC_20 = Categories.contiguous(_VOC_NAMES)
"""PASCAL VOC's 20 classes in alphabetical order."""

OBJECTS365 = _indexed_by_id(_OBJECTS365_NAMES, range(1, len(_OBJECTS365_NAMES) + 1))
"""Objects365 v2 by raw category id, labels 0..365 (0 unnamed)."""

LABEL_SPACES = {"coco80": COCO_80, "coco91": COCO_91, "voc20": VOC_20, "objects365": OBJECTS365}
"""Label spaces that a checkpoint's ``config.json`` may name instead of listing."""
