require 'report'
