x: dotted
