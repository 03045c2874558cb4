from analysis.comparison.command import main

main()
