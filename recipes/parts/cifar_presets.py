"""The presets of the CIFAR recipe: name -> (one line, defaults of the options)."""

from pathlib import Path

_ONLY_SMALL = {"image_size": 16, "train_size": 2000, "test_size": 2000, "padding": 2}
PRESETS = {
    "quick": (
        "a narrow PreAct ResNet on 2000 images of 16 × 16, 60 epochs, K = 2, 5 seeds",
        {
            **_ONLY_SMALL,
            "width": 16,
            "blocks_per_stage": 1,
            "epochs": 60,
            "batch_size": 50,
            "num_interpolations": 2,
            "weight_decay": 5e-4,
            # The paper's rates would leave three channels of sixteen.
            "dropout": 0.5,
            "schedule": "cosine",
            "seeds": 5,
        },
    ),
    "cpu": (
        "the small residual network on 10000 images, 30 epochs, K = 2, 5 seeds",
        {
            "methods": [
                "erm",
                "mixup",
                "multimix",
                "cutmix",
                "mixup_matched",
                "erm_long",
            ],
            "train_size": 10000,
            "network": "small_resnet",
            "width": 16,
            "epochs": 30,
            "num_interpolations": 2,
            "weight_decay": 5e-4,
            "schedule": "one_cycle",
            "no_profile": True,
            "points": 6,
            "last": 1,
            "seeds": 5,
        },
    ),
    "gpu": (
        "a ResNet-9 on all images, 24 epochs in bfloat16, K = 2, 3 seeds, on one GPU",
        {
            "methods": ["erm", "mixup", "multimix", "cutmix", "mixup_matched"],
            "network": "resnet9",
            "epochs": 24,
            # Of which 50 000 is a multiple: no last batch of another shape to compile.
            "batch_size": 500,
            "num_interpolations": 2,
            "learning_rate": 0.4,
            "weight_decay": 5e-4,
            "schedule": "one_cycle",
            "mixed_precision": "bfloat16",
            "on_device": True,
            "no_profile": True,
            "points": 4,
            "last": 3,
            "compilation_cache": Path("runs", "compiled"),
            "seeds": 3,
        },
    ),
    "paper": (
        "mixup's: 200 epochs, batch 128, lr ÷10 at 1/2 and 3/4, weight decay 1e-4",
        {
            "epochs": 200,
            "batch_size": 128,
            "schedule": "steps",
            "seeds": 1,
            "checkpoint_every": "10min",
        },
    ),
    "puzzlemix": (
        "the public protocol of PuzzleMix, perhaps multi-mix's: CIFAR-100, 1200 epochs",
        {
            "dataset": "cifar100",
            "epochs": 1200,
            "batch_size": 100,
            "schedule": "steps_of_puzzlemix",
            "seeds": 1,
            "checkpoint_every": "10min",
        },
    ),
}
